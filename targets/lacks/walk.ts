import type { AnyNode } from 'acorn';

// Steps through a syntax tree of acorn.

/** The nodes right below one. */
export function children(node: AnyNode): AnyNode[] {
  return Object.values(node)
    .flat()
    .filter((value): value is AnyNode => typeof value?.type === 'string');
}

/** Each node of a tree with what holds it, the nearest first, in the order of the text. */
export function walk(
  node: AnyNode,
  visit: (node: AnyNode, parents: readonly AnyNode[]) => void,
  parents: readonly AnyNode[] = [],
): void {
  visit(node, parents);
  const below = [node, ...parents];
  for (const child of children(node)) walk(child, visit, below);
}

export const isFunction = (node: AnyNode): boolean =>
  node.type === 'FunctionDeclaration' ||
  node.type === 'FunctionExpression' ||
  node.type === 'ArrowFunctionExpression';

/** What `if`, `? :`, `&&` and `||` look at first. */
export function testOf(node: AnyNode): AnyNode | null {
  if (node.type === 'IfStatement' || node.type === 'ConditionalExpression') return node.test;
  return node.type === 'LogicalExpression' ? node.left : null;
}

/** The name of a property that is written as one: `a.name`, `{ name: … }`, `class { name() {} }`, or quoted. */
export function keyName(node: AnyNode): string | undefined {
  if (node.type === 'MemberExpression') {
    return !node.computed && node.property.type === 'Identifier' ? node.property.name : undefined;
  }
  if (
    node.type !== 'Property' &&
    node.type !== 'MethodDefinition' &&
    node.type !== 'PropertyDefinition'
  ) {
    return undefined;
  }
  if (node.key.type === 'Literal') return String(node.key.value);
  return !node.computed && node.key.type === 'Identifier' ? node.key.name : undefined;
}

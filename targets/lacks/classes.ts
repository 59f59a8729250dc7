import type { AnyNode, Class, MethodDefinition } from 'acorn';
import type { Place } from './lack.js';
import { keyName, walk } from './walk.js';

// What Espruino does wrong with classes.

/** The tokens of its lexer that no method of a class may be called by. */
const keywords = new Set(
  (
    'break case catch class const continue debugger default delete do else extends false finally for function if in ' +
    'instanceof let new null of return static super switch this throw true try typeof undefined var void while'
  ).split(' '),
);

/** A method of a class called by a keyword, or by a quoted name. */
export function keywordMethod(node: AnyNode): boolean {
  if (node.type !== 'MethodDefinition' && node.type !== 'PropertyDefinition') return false;
  return node.key.type === 'Literal' || keywords.has(keyName(node) ?? '');
}

/** `super.m()` where the class above says `super.` too. */
export function farSuper(node: AnyNode, place: Place): boolean {
  if (node.type !== 'Super' || place.parents[0]?.type !== 'MemberExpression') return false;
  const own = place.parents.find(isClass);
  const above = own ? superclass(own, place) : null;
  if (!above?.superClass) return false;
  let found = false;
  walk(above.body, (inner, [parent]) => {
    if (inner.type === 'Super' && parent?.type === 'MemberExpression') found = true;
  });
  return found;
}

/** `Derived.make()` where `make` is a static of a class above. */
export function inheritedStatic(node: AnyNode, place: Place): boolean {
  if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return false;
  const name = keyName(node);
  const own = classOf(node.object, place);
  if (name === undefined || !own || hasStatic(own, name)) return false;
  const seen = new Set<Class>([own]);
  for (let above = superclass(own, place); above && !seen.has(above); ) {
    if (hasStatic(above, name)) return true;
    seen.add(above);
    above = superclass(above, place);
  }
  return false;
}

/** Fields that esbuild would have to set in a constructor that hands all arguments on. */
export function fieldNeedsConstructor(node: AnyNode): boolean {
  if (!isClass(node) || !node.superClass) return false;
  const { body } = node.body;
  return (
    body.some((one) => one.type === 'PropertyDefinition' && !one.static) &&
    !body.some((one) => one.type === 'MethodDefinition' && one.kind === 'constructor')
  );
}

/** A class expression that calls itself by its own name. */
export function ownClassName(node: AnyNode, place: Place): boolean {
  if (node.type !== 'ClassExpression' || !node.id) return false;
  const variable = place.scope(node)?.variables.find(({ name }) => name === node.id?.name);
  return (variable?.references.length ?? 0) > 0;
}

const isClass = (node: AnyNode): node is AnyNode & Class =>
  node.type === 'ClassDeclaration' || node.type === 'ClassExpression';

const hasStatic = (node: Class, name: string): boolean =>
  node.body.body.some(
    (member) =>
      (member.type === 'MethodDefinition' || member.type === 'PropertyDefinition') &&
      member.static &&
      keyName(member as MethodDefinition) === name,
  );

function superclass(node: Class, place: Place): Class | null {
  return node.superClass ? classOf(node.superClass, place) : null;
}

function classOf(node: AnyNode, place: Place): Class | null {
  if (isClass(node)) return node;
  const definition = node.type === 'Identifier' ? place.variable(node)?.defs[0] : undefined;
  const declared = definition?.node as AnyNode | undefined;
  if (!declared) return null;
  if (isClass(declared)) return declared;
  return declared.type === 'VariableDeclarator' && declared.init && isClass(declared.init)
    ? declared.init
    : null;
}

import type { AnyNode } from 'acorn';
import type { Reference, Scope, ScopeManager, Variable } from 'eslint-scope';
import { isFunction, walk } from './walk.js';

// What is read or called while its declaration is still to come. A board runs statement after statement: nothing is hoisted.
// Followed are the functions that are called by their name while a scope's statements run; what is called later, by a
// timer or a link, finds everything declared.

/** The identifiers that are used too early. */
export function findEarly(
  program: AnyNode,
  scopes: ScopeManager,
  variables: ReadonlyMap<AnyNode, Variable>,
): Set<AnyNode> {
  const early = new Set<AnyNode>();
  for (const scope of scopes.scopes) {
    for (const reference of scope.references) {
      const variable = reference.resolved;
      if (variable && isDeclaredLater(variable, reference.identifier as AnyNode, scope)) {
        early.add(reference.identifier as AnyNode);
      }
    }
  }
  const calls = new Map<AnyNode, Scope>();
  walk(program, (node, parents) => {
    if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return;
    const holder = parents.find(isFunction) ?? program;
    const scope = scopes.acquire(holder as never, true) ?? scopes.scopes[0]!;
    if (node.callee.type === 'Identifier') calls.set(node.callee, scope);
  });
  for (const [call, scope] of calls) {
    const variable = variables.get(call);
    const called = variable && functionOf(variable);
    if (called && reachesLater(called, { call, scope, scopes, calls, seen: new Set() })) {
      early.add(call);
    }
  }
  return early;
}

/** In the same run of statements, and further down. */
function isDeclaredLater(variable: Variable, use: AnyNode, from: Scope): boolean {
  const [definition] = variable.defs;
  if (!definition || !isInTurn(definition.type)) return false;
  return (
    from.variableScope === variable.scope.variableScope && startOf(definition.name) > use.start
  );
}

interface Call {
  call: AnyNode;
  /** Whose statements call. */
  scope: Scope;
  scopes: ScopeManager;
  /** Every name that is called. */
  calls: ReadonlyMap<AnyNode, Scope>;
  seen: Set<AnyNode>;
}

/** Whether a function, called now, comes to something of the caller's scopes that is declared further down. */
function reachesLater(called: AnyNode, from: Call): boolean {
  const { call, scope, scopes, calls, seen } = from;
  if (seen.has(called)) return false;
  seen.add(called);
  const inside = scopes.acquire(called as never, true);
  if (!inside) return false;
  return referencesOf(inside).some((reference) => {
    const variable = reference.resolved;
    const [definition] = variable?.defs ?? [];
    if (!variable || !definition || !isInTurn(definition.type)) return false;
    // One that calls itself has its variables anew in each call.
    const isOwn = variable.scope.variableScope === inside.variableScope;
    if (!isOwn && variable.scope.variableScope === scope.variableScope) {
      if (startOf(definition.name) > call.end) return true;
    }
    const identifier = reference.identifier as AnyNode;
    const further = calls.has(identifier) ? functionOf(variable) : null;
    return further !== null && reachesLater(further, from);
  });
}

/** References that run when the function does: not those in functions inside it. */
function referencesOf(scope: Scope): Reference[] {
  return [
    ...scope.references,
    ...scope.childScopes
      .filter((child) => child.variableScope === scope.variableScope)
      .flatMap(referencesOf),
  ];
}

function functionOf(variable: Variable): AnyNode | null {
  const [definition] = variable.defs;
  if (!definition || variable.defs.length > 1) return null;
  const node = definition.node as AnyNode;
  if (isFunction(node) && definition.type === 'FunctionName') return node;
  if (node.type === 'VariableDeclarator' && node.init && isFunction(node.init)) return node.init;
  return null;
}

const isInTurn = (type: string): boolean =>
  type === 'Variable' || type === 'FunctionName' || type === 'ClassName';

const startOf = (node: unknown): number => (node as AnyNode).start;

import type { AnyNode } from 'acorn';
import type { Place } from './lack.js';
import { isFunction, keyName, testOf, walk } from './walk.js';

// What the tables look for, by kind: a global, something of a global, a method by its name, syntax.

type Matcher = (node: AnyNode, place: Place) => boolean;

/** A name that the program does not declare, wherever it is a value; asking for its type is harmless. */
export function global(...names: string[]): Matcher {
  const sought = new Set(names);
  return (node, place) => {
    if (node.type === 'MemberExpression') {
      return isGlobal(node.object, 'globalThis', place) && sought.has(keyName(node) ?? '');
    }
    if (node.type !== 'Identifier' || !sought.has(node.name)) return false;
    const [parent] = place.parents;
    if (parent === undefined || !isValue(node, parent)) return false;
    if (parent.type === 'UnaryExpression' && parent.operator === 'typeof') return false;
    return place.variable(node) === null && !isAskedFor(node.name, place);
  };
}

/** Whether a test around it looks first: `typeof Symbol !== 'undefined' && Symbol.iterator`. */
function isAskedFor(name: string, place: Place): boolean {
  return place.parents.some((parent) => {
    const test = testOf(parent);
    let found = false;
    if (test) {
      walk(test, (node) => {
        if (node.type !== 'UnaryExpression' || node.operator !== 'typeof') return;
        if (node.argument.type === 'Identifier' && node.argument.name === name) found = true;
      });
    }
    return found;
  });
}

/** Something of a global: `Math.trunc`. */
export function ofGlobal(object: string, ...names: string[]): Matcher {
  const sought = new Set(names);
  return (node, place) =>
    node.type === 'MemberExpression' &&
    sought.has(keyName(node) ?? '') &&
    isGlobal(node.object, object, place);
}

/**
 * A method by its name, called on anything but what the host gives, or what the program itself calls so: what an object
 * is, a text does not say.
 */
export function method(...names: string[]): Matcher {
  const sought = new Set(names);
  return (node, place) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
    const name = keyName(node.callee);
    if (name === undefined || !sought.has(name) || place.isOwnName(name)) return false;
    const object = node.callee.object;
    // Object.keys, and a board.keys() that the host provides.
    return object.type !== 'Identifier' || place.variable(object) !== null;
  };
}

export const any =
  (...matchers: Matcher[]): Matcher =>
  (node, place) =>
    matchers.some((matches) => matches(node, place));

export const type = (...types: AnyNode['type'][]): Matcher => {
  const sought = new Set<string>(types);
  return (node) => sought.has(node.type);
};

/** A pattern that takes something apart, where it begins. */
export const destructuring: Matcher = (node, { parents: [parent] }) =>
  (node.type === 'ObjectPattern' || node.type === 'ArrayPattern') &&
  parent?.type !== 'Property' &&
  parent?.type !== 'ArrayPattern';

export const defaultParameter: Matcher = (node, { parents: [parent] }) =>
  node.type === 'AssignmentPattern' &&
  parent !== undefined &&
  isFunction(parent) &&
  'params' in parent &&
  parent.params.includes(node);

export const asynchronous: Matcher = (node) =>
  (isFunction(node) && 'async' in node && node.async) ||
  (node.type === 'ForOfStatement' && node.await) ||
  (node.type === 'AwaitExpression' && true);

export const generator: Matcher = (node) =>
  isFunction(node) && 'generator' in node && node.generator;

export const privateName: Matcher = (node, { parents: [parent] }) =>
  node.type === 'PrivateIdentifier' &&
  (parent?.type === 'PropertyDefinition' || parent?.type === 'MethodDefinition');

export const regex = (pattern: RegExp, flags = /^$/): Matcher => {
  return (node) =>
    node.type === 'Literal' &&
    'regex' in node &&
    node.regex !== undefined &&
    node.regex !== null &&
    (pattern.test(node.regex.pattern) || (node.regex.flags !== '' && flags.test(node.regex.flags)));
};

/** A variable that a loop's head declares, caught by a function in its body. */
export const caughtLoopVariable: Matcher = (node, place) => {
  const isLoop =
    node.type === 'ForStatement' ||
    node.type === 'ForOfStatement' ||
    node.type === 'ForInStatement';
  const scope = isLoop ? place.scope(node) : null;
  return (
    scope?.type === 'for' &&
    scope.variables.some((variable) =>
      variable.references.some(({ from }) => from.variableScope !== scope.variableScope),
    )
  );
};

export function isGlobal(node: AnyNode, name: string, place: Place): boolean {
  return node.type === 'Identifier' && node.name === name && place.variable(node) === null;
}

/** Whether an identifier is read as a variable: no key, no property, no label. */
function isValue(node: AnyNode, parent: AnyNode): boolean {
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (parent.type === 'Property') return parent.value === node || parent.computed;
  if (parent.type === 'MethodDefinition' || parent.type === 'PropertyDefinition') {
    return parent.value === node || parent.computed;
  }
  return (
    parent.type !== 'LabeledStatement' &&
    parent.type !== 'BreakStatement' &&
    parent.type !== 'ContinueStatement' &&
    parent.type !== 'MetaProperty'
  );
}

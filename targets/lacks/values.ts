import type { AnyNode } from 'acorn';
import type { Place } from './lack.js';
import { isGlobal } from './matchers.js';
import { keyName, testOf, walk } from './walk.js';

// What can be told of a value from the text alone.

/** `slice`, `map` or `filter` of what is a typed array by its making. */
export function typedArrayPart(node: AnyNode, place: Place): boolean {
  if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') return false;
  const name = keyName(node.callee);
  return (name === 'slice' || name === 'filter') && isTypedArray(node.callee.object, place);
}

function isTypedArray(node: AnyNode, place: Place): boolean {
  if (node.type === 'NewExpression') {
    const made = node.callee;
    return (
      made.type === 'Identifier' &&
      /^(Uint|Int|Float)\d+(Clamped)?Array$/.test(made.name) &&
      isGlobal(made, made.name, place)
    );
  }
  if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression') {
    return keyName(node.callee) === 'subarray';
  }
  if (node.type !== 'Identifier') return false;
  const variable = place.variable(node);
  const definition = variable?.defs[0]?.node as AnyNode | undefined;
  return definition?.type === 'VariableDeclarator' && definition.init
    ? definition.init !== node && isTypedArray(definition.init, place)
    : false;
}

/** `array.length = n`, but for an object whose `length` is the program's own. */
export function lengthSet(node: AnyNode, place: Place): boolean {
  return (
    node.type === 'AssignmentExpression' &&
    node.left.type === 'MemberExpression' &&
    keyName(node.left) === 'length' &&
    node.left.object.type !== 'ThisExpression' &&
    !place.isOwnName('length')
  );
}

/** A timer that may not be there yet: nothing is set where it is declared, and nothing asks before it is cleared. */
export function maybeNoTimer(node: AnyNode, place: Place): boolean {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return false;
  const { name } = node.callee;
  if (name !== 'clearTimeout' && name !== 'clearInterval') return false;
  const [timer] = node.arguments;
  if (!timer || !isGlobal(node.callee, name, place)) return false;
  if (isGlobal(timer, 'undefined', place)) return true;
  const asked = timer.type === 'Identifier' ? timer.name : keyName(timer);
  const isVariable = timer.type === 'Identifier' && startsEmpty(timer, place);
  if (!isVariable && timer.type !== 'MemberExpression') return false;
  return !place.parents.some((parent) => asks(parent, asked));
}

function startsEmpty(timer: AnyNode, place: Place): boolean {
  const definition = place.variable(timer)?.defs[0]?.node as AnyNode | undefined;
  if (definition?.type !== 'VariableDeclarator') return false;
  const { init } = definition;
  if (!init) return true;
  return (
    (init.type === 'Literal' && init.value === null) ||
    (init.type === 'UnaryExpression' && init.operator === 'void') ||
    isGlobal(init, 'undefined', place)
  );
}

function asks(parent: AnyNode, name: string | undefined): boolean {
  const test = testOf(parent);
  let found = false;
  if (test) {
    walk(test, (node) => {
      const called = node.type === 'Identifier' ? node.name : keyName(node);
      if (called !== undefined && called === name) found = true;
    });
  }
  return found;
}

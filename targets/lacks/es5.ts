import type { Lack } from './lack.js';
import { newMath, numbers } from './library.js';
import * as is from './matchers.js';

// What an engine of ES5 lacks and no compiler brings there: Duktape 2.7, MuJS 1.3, mquickjs. Arrows, let, const, classes, templates,
// destructuring, defaults, spread and for-of are lowered.

const NOT_THERE = 'ReferenceError';

export const es5Lacks: readonly Lack[] = [
  {
    what: 'async, await',
    happens: 'there are no promises',
    instead: 'a callback',
    example: 'board.on(async function () {});',
    is: is.asynchronous,
  },
  {
    what: 'a generator',
    happens: 'SyntaxError',
    instead: 'a function that answers the next value, or an array',
    example: 'board.on(function* () {});',
    is: is.generator,
  },
  {
    what: '#private',
    happens: 'it needs a WeakMap',
    instead: 'a name that begins with _, or a variable of the module',
    example: 'class Fan { #speed = 1; get() { return this.#speed; } } board.show(new Fan().get());',
    is: is.privateName,
  },
  {
    what: 'a class that extends one of the engine or the host',
    happens: 'it needs Reflect and a Map',
    instead: 'a function that makes and fills the object: const e = Error(text); e.code = 5',
    example: 'class Broken extends Error {} board.show(new Broken());',
    is: (node, place) =>
      (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') &&
      node.superClass?.type === 'Identifier' &&
      place.variable(node.superClass) === null,
  },
  {
    what: 'a tagged template, new.target, import(), import.meta or a bigint',
    happens: 'SyntaxError',
    instead: 'call the function with the text; a parameter; an import at the top; a number',
    example: 'board.show(10n);',
    is: (node) =>
      node.type === 'TaggedTemplateExpression' ||
      node.type === 'MetaProperty' ||
      node.type === 'ImportExpression' ||
      (node.type === 'Literal' && typeof node.value === 'bigint'),
  },
  {
    what: 'a regular expression with a flag but g, i, m, a named group or a look behind',
    happens: 'SyntaxError',
    instead: 'a group by its number; [^] for . over lines',
    example: 'board.show(/./u.test(board.id));',
    is: is.regex(/\(\?<|\\p\{|\\u\{/, /[suydv]/),
  },
  {
    what: 'Promise, queueMicrotask, setImmediate',
    happens: NOT_THERE,
    instead: 'a callback, host.after(task, 0)',
    example: 'board.show(Promise.resolve(1));',
    is: is.global('Promise', 'queueMicrotask', 'setImmediate'),
  },
  {
    what: 'Symbol, Map, Set, WeakMap, WeakSet, WeakRef, Proxy, Reflect, BigInt',
    happens: NOT_THERE,
    instead: 'an object as a table: o[key] = value',
    example: 'board.show(new Map());',
    is: is.global(
      ...['Symbol', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Proxy', 'Reflect', 'BigInt'],
    ),
  },
  {
    what: 'DataView, ArrayBuffer, and typed arrays but Uint8Array',
    happens: 'not in every engine, and what is lent in their place has bytes only',
    instead: 'a Uint8Array and arithmetic, or an array of numbers',
    example: 'board.show(new DataView(board.buffer));',
    is: is.global(
      ...['DataView', 'ArrayBuffer', 'SharedArrayBuffer', 'Int8Array', 'Uint8ClampedArray'],
      ...['Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array', 'Float32Array'],
      ...['Float64Array', 'BigInt64Array', 'BigUint64Array'],
    ),
  },
  {
    what: 'Uint8Array.from, Uint8Array.of, BYTES_PER_ELEMENT',
    happens: 'undefined is not a function',
    instead: 'new Uint8Array([a, b])',
    example: 'board.show(Uint8Array.from(board.list()));',
    is: is.ofGlobal('Uint8Array', 'from', 'of', 'BYTES_PER_ELEMENT'),
  },
  {
    what: 'TextEncoder, TextDecoder, structuredClone, Buffer, URL, fetch, performance, crypto, Intl',
    happens: NOT_THERE,
    instead: 'what the host gives',
    example: 'board.show(new TextEncoder());',
    is: is.global(
      ...['TextEncoder', 'TextDecoder', 'structuredClone', 'Buffer', 'URL', 'fetch'],
      ...['performance', 'crypto', 'Intl', 'AbortController'],
    ),
  },
  {
    what: 'Array.from, Array.of',
    happens: 'undefined is not a function',
    instead: 'a loop, [a, b]',
    example: 'board.show(Array.from(board.list()));',
    is: is.ofGlobal('Array', 'from', 'of'),
  },
  {
    what: 'Object.assign, entries, values, fromEntries, is, hasOwn, setPrototypeOf …',
    happens: 'undefined is not a function',
    instead: 'for (const key in o); o.hasOwnProperty(key)',
    example: 'board.show(Object.entries({ a: 1 }));',
    is: is.ofGlobal(
      'Object',
      ...['assign', 'entries', 'values', 'fromEntries', 'is', 'hasOwn', 'setPrototypeOf'],
      ...['groupBy', 'getOwnPropertySymbols', 'getOwnPropertyDescriptors'],
    ),
    inSourceOnly: true,
  },
  {
    what: 'Math.trunc, imul, sign, fround, clz32, hypot, cbrt, log2, log10, cosh …',
    happens: 'undefined is not a function',
    instead: 'x | 0 for trunc, Math.log(x) / Math.LN2 for log2',
    example: 'board.show(Math.trunc(board.t()));',
    is: is.ofGlobal('Math', 'sign', ...newMath),
  },
  numbers,
  {
    what: 'String.fromCodePoint, String.raw',
    happens: 'undefined is not a function',
    instead: 'String.fromCharCode(…), a plain template',
    example: 'board.show(String.fromCodePoint(65));',
    is: is.ofGlobal('String', 'fromCodePoint', 'raw'),
  },
  {
    what: 'find, findIndex, includes, fill, flat, flatMap, at, findLast, copyWithin, toSorted, toReversed',
    happens: 'undefined is not a function',
    instead: 'indexOf, filter, a loop; thing["find"]() says: a method of my own',
    example: 'const list = board.list(); board.show(list.includes(1));',
    is: is.method(
      ...['find', 'findIndex', 'includes', 'fill', 'flat', 'flatMap', 'at', 'findLast'],
      ...['findLastIndex', 'copyWithin', 'toSorted', 'toReversed', 'toSpliced'],
    ),
    inSourceOnly: true,
  },
  {
    what: 'startsWith, endsWith, repeat, padStart, padEnd, codePointAt, replaceAll, matchAll, trimStart …',
    happens: 'undefined is not a function',
    instead: 'indexOf, slice, charCodeAt, replace with /…/g, trim',
    example: 'const text = board.text(); board.show(text.startsWith("a"));',
    is: is.method(
      ...['startsWith', 'endsWith', 'repeat', 'padStart', 'padEnd', 'codePointAt', 'replaceAll'],
      ...['matchAll', 'trimStart', 'trimEnd', 'normalize'],
    ),
    inSourceOnly: true,
  },
];

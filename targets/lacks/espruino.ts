import {
  farSuper,
  fieldNeedsConstructor,
  inheritedStatic,
  keywordMethod,
  ownClassName,
} from './classes.js';
import type { Lack } from './lack.js';
import { newMath, numbers } from './library.js';
import * as is from './matchers.js';
import { lengthSet, maybeNoTimer, typedArrayPart } from './values.js';

// What Espruino 2v29 lacks, most of it seen on its Linux build: what it parses and then does wrong matters most.

const SYNTAX_ERROR = 'SyntaxError at upload';

export const espruinoLacks: readonly Lack[] = [
  {
    what: 'destructuring',
    happens: '`var` and `let` parse it and bind nothing; elsewhere a SyntaxError',
    instead: 'name each part: var a = pair[0], b = pair[1]',
    example: 'const [a, b] = board.pair(); board.show(a, b);',
    is: is.destructuring,
  },
  {
    what: 'a default parameter',
    happens: SYNTAX_ERROR,
    instead: 'look inside: if (a === undefined) a = 3',
    example: 'board.on(function (a = 3) { return a; });',
    is: is.defaultParameter,
  },
  {
    what: 'a rest parameter or a spread',
    happens: SYNTAX_ERROR,
    instead: 'pass an array: f.apply(null, list), a.concat(b), Object.assign({}, o)',
    example: 'board.show(...board.list());',
    is: (node, { parents: [parent] }) =>
      node.type === 'SpreadElement' ||
      (node.type === 'RestElement' &&
        parent?.type !== 'ArrayPattern' &&
        parent?.type !== 'ObjectPattern'),
  },
  {
    what: 'async, await',
    happens: SYNTAX_ERROR,
    instead: 'a callback, or a promise and .then()',
    example: 'board.on(async function () {});',
    is: is.asynchronous,
  },
  {
    what: 'a generator',
    happens: SYNTAX_ERROR,
    instead: 'a function that answers the next value, or an array',
    example: 'board.on(function* () {});',
    is: is.generator,
  },
  {
    what: 'a label',
    happens: 'ReferenceError when it runs',
    instead: 'a function of its own that returns out of the loops',
    example: 'rows: for (let i = 0; i < 3; i++) for (;;) continue rows;',
    is: is.type('LabeledStatement'),
  },
  {
    what: 'a computed key',
    happens: SYNTAX_ERROR,
    instead: 'make the object, then set it: o[key] = value',
    example: 'board.show({ [board.id]: 1 });',
    is: (node) =>
      (node.type === 'Property' ||
        node.type === 'MethodDefinition' ||
        node.type === 'PropertyDefinition') &&
      node.computed,
  },
  {
    what: 'a tagged template',
    happens: SYNTAX_ERROR,
    instead: 'call the function with the text: tag(`…`)',
    example: 'board.show(board.tag`now`);',
    is: is.type('TaggedTemplateExpression'),
  },
  {
    what: '#private',
    happens: SYNTAX_ERROR,
    instead: 'a name that begins with _, or a variable of the module',
    example: 'class Fan { #speed = 1; get() { return this.#speed; } } board.show(new Fan().get());',
    is: is.privateName,
  },
  {
    what: 'a static that is inherited',
    happens: 'it is not found',
    instead: 'the class that has it: Base.make()',
    example:
      'class Base { static make() { return 1; } } class Fan extends Base {} board.show(Fan.make());',
    is: inheritedStatic,
  },
  {
    what: 'super.method() over three levels',
    happens: 'it calls itself until the stack is full',
    instead: 'Base.prototype.method.call(this)',
    example:
      'class A { m() { return 1; } } class B extends A { m() { return super.m(); } }\n' +
      'class C extends B { m() { return super.m(); } } board.show(new C().m());',
    is: farSuper,
  },
  {
    what: 'a field in a class that extends another and has no constructor',
    happens: 'its constructor is made with a spread: SyntaxError at upload',
    instead: 'a constructor: constructor() { super(); this.speed = 1; }',
    example: 'class A {} class Fan extends A { speed = 1; } board.show(new Fan());',
    is: fieldNeedsConstructor,
  },
  {
    what: 'a method of a class called by a keyword or a quoted name',
    happens: SYNTAX_ERROR,
    instead: 'another name; in an object literal it may stay',
    example: 'class Fan { delete() { return 1; } } board.show(new Fan());',
    is: keywordMethod,
  },
  {
    what: 'a class expression that uses its own name',
    happens: 'ReferenceError: the name is not bound',
    instead: 'a class declaration: class Fan {…}',
    example: 'board.show(class Fan { twin() { return new Fan(); } });',
    is: ownClassName,
  },
  {
    what: 'case after default',
    happens: 'SyntaxError when it runs',
    instead: 'default as the last one',
    example: 'switch (board.id) { default: board.show(1); break; case 2: board.show(2); }',
    is: (node) =>
      node.type === 'SwitchStatement' &&
      node.cases.some((one, index) => one.test === null && index < node.cases.length - 1),
  },
  {
    what: 'use before its definition',
    happens: 'ReferenceError, or undefined: functions and variables are not hoisted',
    instead:
      'define it above the line that runs it; at the top of a module let for the var of a loop',
    example: 'board.show(later()); function later() { return 1; }',
    is: (node, place) => place.early.has(node),
  },
  {
    what: "a loop's variable caught by a function",
    happens: 'all the functions share one variable: 3, 3, 3',
    instead: 'a copy in the body: for (let i = 0; …) { const own = i; … }',
    example: 'for (let i = 0; i < 3; i++) board.on(function () { return i; });',
    is: is.caughtLoopVariable,
  },
  {
    what: "a regular expression with '/' in its brackets",
    happens: 'SyntaxError: it ends at the /',
    instead: String.raw`[\/]`,
    example: 'board.show(/[/]/.test(board.id));',
    is: is.regex(/\[(?:\\.|[^\]\\])*?(?<!\\)\/[^\]]*\]/),
  },
  {
    what: String.raw`a regular expression with {n}, +?, (?…), \b or \1`,
    happens: 'it matches nothing, silently',
    instead: 'the part written out, and the length compared: /^[ -~]+$/.test(s) && s.length <= 64',
    example: 'board.show(/^[a-z]{1,8}$/.test(board.id));',
    is: is.regex(/(?<!\\)\{\d|(?<!\\)[+*?]\?|\(\?|(?<!\\)\\[bB1-9]/, /[suydv]/),
  },
  {
    what: 'a name that Espruino takes for a keyword: of, static',
    happens: 'SyntaxError; minifiers make such names',
    instead: 'another name',
    example: 'function of() { return board.id; } board.show(of());',
    is: (node, place) =>
      node.type === 'Identifier' &&
      (node.name === 'of' || node.name === 'static') &&
      Boolean(place.variable(node)?.identifiers.some((one) => (one as unknown) === node)),
  },
  {
    what: 'new.target, import(), import.meta, a bigint or debugger',
    happens: 'SyntaxError; at `debugger` the board stops in its debugger',
    instead: 'a parameter; an import at the top; a number; nothing',
    example: 'board.show(10n);',
    is: (node) =>
      node.type === 'MetaProperty' ||
      node.type === 'ImportExpression' ||
      node.type === 'DebuggerStatement' ||
      (node.type === 'Literal' && typeof node.value === 'bigint'),
  },
  {
    what: 'clearTimeout() or clearInterval() of what may be undefined',
    happens: 'it throws',
    instead: 'if (timer) clearTimeout(timer)',
    example:
      'let timer; board.on(function () { clearTimeout(timer); timer = setTimeout(board.go, 1); });',
    is: maybeNoTimer,
    inSourceOnly: true,
  },
  {
    what: 'queueMicrotask, setImmediate, requestAnimationFrame',
    happens: 'ReferenceError',
    instead: 'setTimeout(task, 0)',
    example: 'queueMicrotask(board.go);',
    is: is.global('queueMicrotask', 'setImmediate', 'requestAnimationFrame'),
  },
  {
    what: 'Symbol, Map, Set, WeakMap, WeakSet, WeakRef, Proxy, Reflect, BigInt',
    happens: 'ReferenceError',
    instead: 'an object as a table: o[key] = value',
    example: 'board.show(new Map());',
    is: is.global(
      ...['Symbol', 'Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Proxy', 'Reflect', 'BigInt'],
    ),
  },
  {
    what: 'TextEncoder, TextDecoder, structuredClone, Buffer, URL, fetch, performance, crypto, Intl',
    happens: 'ReferenceError',
    instead: 'E.toUint8Array(text), E.toString(bytes), getTime(), E.hwRand(), require("http")',
    example: 'board.show(new TextEncoder());',
    is: is.global(
      ...['TextEncoder', 'TextDecoder', 'structuredClone', 'Buffer', 'URL', 'fetch'],
      ...['performance', 'crypto', 'Intl', 'AbortController', 'RangeError', 'EvalError'],
    ),
  },
  {
    what: 'Array.from, Array.of, Uint8Array.from, Uint8Array.of, BYTES_PER_ELEMENT',
    happens: 'undefined is not a function',
    instead: 'list.map(…), [a, b], new Uint8Array(list)',
    example: 'board.show(Array.from(board.list()));',
    is: is.any(
      is.ofGlobal('Array', 'from', 'of'),
      is.ofGlobal('Uint8Array', 'from', 'of', 'BYTES_PER_ELEMENT'),
      is.ofGlobal('Float32Array', 'from', 'of', 'BYTES_PER_ELEMENT'),
    ),
  },
  {
    what: 'Math.imul, fround, clz32, trunc, hypot, cbrt, log2, log10, log1p, expm1, cosh …',
    happens: 'undefined is not a function',
    instead: 'x | 0 for trunc, Math.log(x) / Math.LN2 for log2',
    example: 'board.show(Math.trunc(board.t()));',
    is: is.ofGlobal('Math', ...newMath),
  },
  numbers,
  {
    what: 'Object.freeze, seal, is, hasOwn, isFrozen, preventExtensions, getOwnPropertySymbols, groupBy',
    happens: 'undefined is not a function',
    instead: 'nothing in place of freeze; o.hasOwnProperty(key); ===',
    example: 'board.show(Object.freeze({ a: 1 }));',
    is: is.ofGlobal(
      'Object',
      ...['freeze', 'seal', 'is', 'hasOwn', 'isFrozen', 'isSealed', 'preventExtensions'],
      ...['isExtensible', 'groupBy', 'getOwnPropertySymbols'],
    ),
    inSourceOnly: true,
  },
  {
    what: 'Promise.race, any, allSettled, withResolvers, .finally()',
    happens: 'undefined is not a function',
    instead: 'Promise.all, a callback, .then(f, f)',
    example: 'board.show(Promise.race(board.list()));',
    is: is.any(
      is.ofGlobal('Promise', 'race', 'any', 'allSettled', 'withResolvers'),
      is.method('finally'),
    ),
    inSourceOnly: true,
  },
  {
    what: 'String.fromCodePoint, String.raw, Date.UTC',
    happens: 'undefined is not a function',
    instead: 'String.fromCharCode(…), a plain template, new Date(y, m, d)',
    example: 'board.show(String.fromCodePoint(65));',
    is: is.any(is.ofGlobal('String', 'fromCodePoint', 'raw'), is.ofGlobal('Date', 'UTC')),
  },
  {
    what: 'flat, flatMap, at, findLast, lastIndexOf, reduceRight, copyWithin, toSorted, toReversed',
    happens: 'Function not found',
    instead:
      'a loop, a.concat.apply([], a), a[a.length - 1]; thing["flat"]() says: a method of my own',
    example: 'const list = board.list(); board.show(list.at(-1));',
    is: is.method(
      ...['flat', 'flatMap', 'at', 'findLast', 'findLastIndex', 'lastIndexOf', 'reduceRight'],
      ...['copyWithin', 'toSorted', 'toReversed', 'toSpliced'],
    ),
    inSourceOnly: true,
  },
  {
    what: 'codePointAt, matchAll, normalize, localeCompare, trimStart, trimEnd, toPrecision, toExponential',
    happens: 'Function not found',
    instead: 'charCodeAt, exec in a loop, trim, toFixed',
    example: 'const text = board.text(); board.show(text.codePointAt(0));',
    is: is.method(
      ...['codePointAt', 'matchAll', 'normalize', 'localeCompare', 'trimStart', 'trimEnd'],
      ...['toPrecision', 'toExponential', 'propertyIsEnumerable', 'isPrototypeOf'],
    ),
    inSourceOnly: true,
  },
  {
    what: 'slice() or filter() of a typed array',
    happens: 'it answers a plain array',
    instead: 'new Uint8Array(bytes.slice(a, b)), or subarray for a view',
    example: 'const bytes = new Uint8Array(8); board.show(bytes.slice(0, 4));',
    is: (node, place) => {
      const [parent] = place.parents;
      return typedArrayPart(node, place) && parent?.type !== 'NewExpression';
    },
    inSourceOnly: true,
  },
  {
    what: 'array.length = n',
    happens: 'TypeError: Assignment to a constant',
    instead: 'a.splice(n), or a new array',
    example: 'const list = board.list(); list.length = 0; board.show(list);',
    is: lengthSet,
    inSourceOnly: true,
  },
];

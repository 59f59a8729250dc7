import type { Lack } from './lack.js';
import * as is from './matchers.js';

// What ES2015 brought into the library and neither Espruino nor the engines of ES5 have.

export const newMath = [
  'imul',
  'fround',
  'clz32',
  'trunc',
  'hypot',
  'cbrt',
  'log2',
  'log10',
  'log1p',
  'expm1',
  'cosh',
  'sinh',
  'tanh',
  'acosh',
  'asinh',
  'atanh',
];

export const numbers: Lack = {
  what: 'Number.isInteger, isNaN, isFinite, isSafeInteger, parseInt, parseFloat, EPSILON, MAX_SAFE_INTEGER',
  happens: 'undefined, or not a function',
  instead: 'x === Math.floor(x), x !== x, the global isFinite, parseInt and parseFloat',
  example: 'board.show(Number.isInteger(board.t()));',
  is: is.ofGlobal(
    'Number',
    ...['isInteger', 'isNaN', 'isFinite', 'isSafeInteger', 'parseInt', 'parseFloat', 'EPSILON'],
    ...['MAX_SAFE_INTEGER', 'MIN_SAFE_INTEGER'],
  ),
};

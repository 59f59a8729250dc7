// Espruino 2v29: one script that the Web IDE or the command `espruino` uploads, or that writes itself into Storage.

import { espruinoLacks } from './lacks/espruino.js';
import { rename } from './rename.js';
import type { Target } from './target.js';

export const espruino: Target = {
  engine: 'espruino',
  esbuild: {
    // Not iife, in which esbuild puts a function of its own in the place of `require`.
    format: 'cjs',
    target: 'es2015',
    // Only Node's platform leaves `require` as it is.
    platform: 'node',
    mainFields: ['module', 'main'],
    conditions: ['module'],
    supported: {
      destructuring: false,
      'default-argument': false,
      'rest-argument': false,
      'array-spread': false,
      generator: false,
      'async-await': false,
    },
  },
  hasRequire: true,
  lacks: espruinoLacks,
  ecmaVersion: 2015,
  // A minifier makes this name, which Espruino takes for a keyword.
  lower: (code) =>
    `(function(){${rename(code, 'of')
      .replace(/^"use strict";/, '')
      .trimEnd()}\n})();\n`,
};

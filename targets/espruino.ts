// Espruino 2v29: one script that the Web IDE or the command `espruino` uploads, or that writes itself into Storage.

import { espruinoLacks } from './lacks/espruino.js';
import { rename } from './rename.js';
import type { Target } from './target.js';

export const espruino: Target = {
  engine: 'espruino',
  esbuild: {
    format: 'iife',
    target: 'es2015',
    platform: 'neutral',
    supported: {
      destructuring: false,
      'default-argument': false,
      'rest-argument': false,
      'array-spread': false,
      generator: false,
      'async-await': false,
    },
  },
  lacks: espruinoLacks,
  ecmaVersion: 2015,
  // A minifier makes this name, which Espruino takes for a keyword.
  lower: (code) => rename(code, 'of'),
};

// One script of ES5 for what is smallest: mquickjs, Duktape, MuJS, and what a vendor has embedded. The host gives the global
// `host` (sdk/engines/host.ts). esbuild bundles and minifies, Babel lowers in between, since esbuild does not go below ES2015.

import { createRequire } from 'node:module';
import { transform } from 'esbuild';
import { BuildError } from './error.js';
import { es5Lacks } from './lacks/es5.js';
import type { Target } from './target.js';

export const es5: Target = {
  engine: 'host',
  esbuild: { format: 'iife', target: 'es2022', platform: 'neutral' },
  lacks: es5Lacks,
  ecmaVersion: 5,
  inject: 'engines/es5-bytes.js',
  minifiesItself: true,
  listsFields: true,
  async lower(code, minify) {
    // Four megabytes, read only where they are needed.
    const babel = createRequire(import.meta.url)('@babel/standalone') as Babel;
    const lowered = babel.transform(code, options).code;
    if (!lowered) throw new BuildError('the compiler to ES5 answered nothing');
    const { code: small } = await transform(lowered, {
      minify,
      target: 'es5',
      charset: 'utf8',
      legalComments: 'none',
    });
    return small;
  },
};

interface Babel {
  transform(code: string, options: object): { code?: string | null };
}

/** As little as the meaning of a firmware needs: no helper that looks for a Symbol, none for what ES5 hides or freezes. */
const options = {
  babelrc: false,
  configFile: false,
  comments: false,
  sourceType: 'script',
  assumptions: {
    constantReexports: true,
    constantSuper: true,
    ignoreFunctionLength: true,
    ignoreToPrimitiveHint: true,
    iterableIsArray: true,
    mutableTemplateObject: true,
    noClassCalls: true,
    noDocumentAll: true,
    noNewArrows: true,
    objectRestNoSymbols: true,
    pureGetters: true,
    setClassMethods: true,
    setComputedProperties: true,
    setPublicClassFields: true,
    setSpreadProperties: true,
    skipForOfIteratorClosing: true,
    superIsCallableConstructor: true,
  },
  presets: [
    [
      'env',
      {
        targets: { ie: '9' },
        modules: false,
        exclude: ['transform-typeof-symbol', 'transform-regenerator'],
      },
    ],
  ],
  plugins: [['transform-for-of', { assumeArray: true }]],
};

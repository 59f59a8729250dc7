import type { Options } from 'acorn';
import type { BuildOptions } from 'esbuild';
import type { Lack } from './lacks/lack.js';

/** What `headwater build` has to know of an engine: a file per target says it. */
export interface Target {
  /** The file in sdk/engines/ that lends clock and timers. */
  engine: string;
  esbuild: Pick<
    BuildOptions,
    'format' | 'target' | 'platform' | 'external' | 'supported' | 'mainFields' | 'conditions'
  >;
  /** The engine, or its tools, know `require('…')`. */
  hasRequire?: true;
  /** What the engine lacks, refused in the firmware and in what is built of it. */
  lacks?: readonly Lack[];
  /** The newest language that the engine parses. */
  ecmaVersion?: Options['ecmaVersion'];
  /** A file of sdk/ whose exports stand for globals of the same names. */
  inject?: string;
  /** `for … in` has an order of its own: the build says that of a stream's fields. */
  listsFields?: true;
  /** `lower` is given what is not minified, and minifies. */
  minifiesItself?: true;
  /** From what esbuild bundled to what the engine runs. */
  lower?(code: string, minify: boolean): string | Promise<string>;
}

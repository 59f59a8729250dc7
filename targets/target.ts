import type { BuildOptions } from 'esbuild';

/** What `headwater build` has to know of an engine: a file per target says it. */
export interface Target {
  /** The file in sdk/engines/ that lends clock and timers. */
  engine: string;
  esbuild: Pick<BuildOptions, 'format' | 'target' | 'platform' | 'external'>;
}

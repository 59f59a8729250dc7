// Randomness from the run's seed: a stream of numbers for each device and each use, so that one more draw here moves nothing there.

import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** From 0 to below 1. */
export type Random = () => number;

export function randomOf(seed: number, ...use: number[]): Random {
  const generator = xoroshiro128plus(
    use.reduce((all, one) => Math.imul(all ^ one, 0x9e3779b1), seed),
  );
  // Neighbouring seeds begin alike.
  for (let skipped = 0; skipped < 4; skipped++) generator.next();
  return () => uniformFloat64(generator);
}

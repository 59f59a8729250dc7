/** A generator of small numbers that a seed repeats: mulberry32. */
export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** From 0 to below `bound`. */
  below(bound: number): number;
  /** True about once in `times`. */
  onceIn(times: number): boolean;
}

export function seeded(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  return { next, below, onceIn: (times) => below(times) === 0 };
}

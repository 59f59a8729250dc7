import type { Limits } from './round.js';
import type { Seed } from './target.js';

// What a round's thread and its watch share.

export interface Task {
  target: string;
  limits: Limits;
  shared: SharedArrayBuffer;
  /** Instead of the corpus; nothing but it is read. */
  only: Seed[] | null;
}

/** Words in front of the input: how many were read, how long it is, and whether the round is to end. */
export const words = { count: 0, length: 1, isOver: 2 } as const;
export const headBytes = 12;

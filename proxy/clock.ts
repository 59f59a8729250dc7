import { randomBytes } from 'node:crypto';

// Time, timers and randomness, passed in everywhere so that a whole site can run in a simulation.

export interface Clock {
  /** Wall clock, ms since 1970-01-01 UTC. May jump. */
  nowMs(): number;
  /** Monotonic, ms from an unspecified origin. Never jumps, never goes back. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** Fresh random bytes. */
  random(byteCount: number): Uint8Array;
}

/** The machine's own. Its timers do not keep a process alive that has nothing else to do. */
export function systemClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
    random: (byteCount) => randomBytes(byteCount),
  };
}

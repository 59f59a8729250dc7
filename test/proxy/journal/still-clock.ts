import type { Clock } from '../../../proxy/clock.js';
import type { Random } from '../../random.js';

// Time for a journal on the simulated disk: it stands, but that no two looks at it are alike. Nothing happens
// between two turns of the event loop.

export const folder = '/journal';

/** Timers run when a test says so. */
export class StillClock implements Clock {
  readonly #random: Random;
  #tasks: (() => void)[] = [];
  #nowMs = 1_764_000_000_000;

  constructor(random: Random) {
    this.#random = random;
  }

  nowMs(): number {
    return ++this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  after(_delayMs: number, task: () => void): () => void {
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((one) => one !== task);
    };
  }
  random(byteCount: number): Uint8Array {
    return this.#random.bytes(byteCount);
  }
  runTimers(): void {
    for (const task of this.#tasks.splice(0)) task();
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import type { Clock } from '../clock.js';

// The pause after a failed call to the disk: longer each time until one succeeds, with jitter.
// At most 3 s: with a session and a transaction behind it flow is back within 5 s of the end of the trouble.

const delayMsMin = 100;
const delayMsMax = 2_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #over: () => void;
  #delayMs = delayMsMin;
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(clock: Clock, over: () => void) {
    this.#clock = clock;
    this.#over = over;
  }

  get resting(): boolean {
    return this.#cancel !== null || this.#stopped;
  }

  rest(): void {
    if (this.resting) return;
    const jitter = 0.5 + this.#clock.random(1)[0]! / 512;
    this.#cancel = this.#clock.after(this.#delayMs * jitter, () => {
      this.#cancel = null;
      this.#over();
    });
    this.#delayMs = Math.min(this.#delayMs * 2, delayMsMax);
  }

  succeeded(): void {
    this.#delayMs = delayMsMin;
  }

  /** For good: nothing is tried again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#stopped = true;
  }
}

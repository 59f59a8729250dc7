// A rate with a burst: so many tokens a second, and of those that were not taken as many as `burst` holds. What is taken may go below zero,
// and is made up for before there is any again.

export class Bucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** What may be taken now; below zero: too much was. */
  left(nowMs: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    return this.#tokens;
  }

  isFull(nowMs: number): boolean {
    return this.left(nowMs) >= this.#burst;
  }

  take(tokens: number, nowMs: number): void {
    this.#tokens = this.left(nowMs) - tokens;
  }

  /** ms until so many may be taken. */
  waitMs(tokens: number, nowMs: number): number {
    return Math.max(0, Math.ceil((Math.min(tokens, this.#burst) - this.left(nowMs)) / this.#perMs));
  }
}

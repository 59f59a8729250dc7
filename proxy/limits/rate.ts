import { Bucket } from './bucket.js';

// What one device may send in a second, in events and in the bytes of their blocks, with a burst: of all its boots together. It becomes credit, so
// that a device waits before anything of it is refused.

export interface RateLimits {
  /** Absent: any number. */
  eventsPerSecond?: number | undefined;
  bytesPerSecond?: number | undefined;
  burstSeconds: number;
}

export class Rate {
  readonly #events: Bucket | null;
  readonly #bytes: Bucket | null;

  constructor(limits: RateLimits, nowMs: number) {
    const { eventsPerSecond, bytesPerSecond, burstSeconds } = limits;
    const bucket = (perSecond?: number) =>
      perSecond === undefined
        ? null
        : new Bucket(perSecond, Math.max(1, perSecond * burstSeconds), nowMs);
    this.#events = bucket(eventsPerSecond);
    this.#bytes = bucket(bytesPerSecond);
  }

  /** Events that may come now, where one takes so many bytes. */
  left(bytesPerEvent: number, nowMs: number): number {
    const events = this.#events?.left(nowMs) ?? Number.POSITIVE_INFINITY;
    const bytes = this.#bytes?.left(nowMs) ?? Number.POSITIVE_INFINITY;
    // One that takes more than the whole burst comes too, and is made up for: or its device would wait for ever.
    const least = this.#bytes?.isFull(nowMs) === true ? 1 : 0;
    const byBytes = Math.max(least, bytes / Math.max(1, bytesPerEvent));
    return Math.max(0, Math.floor(Math.min(events, byBytes)));
  }

  take(events: number, bytes: number, nowMs: number): void {
    this.#events?.take(events, nowMs);
    this.#bytes?.take(bytes, nowMs);
  }

  /** ms until `events` more may come. */
  waitMs(events: number, bytesPerEvent: number, nowMs: number): number {
    return Math.max(
      this.#events?.waitMs(events, nowMs) ?? 0,
      this.#bytes?.waitMs(events * Math.max(1, bytesPerEvent), nowMs) ?? 0,
    );
  }
}

/** Null where nothing is limited. */
export function rateOf(limits: RateLimits, nowMs: number): Rate | null {
  const { eventsPerSecond, bytesPerSecond } = limits;
  const isLimited = eventsPerSecond !== undefined || bytesPerSecond !== undefined;
  return isLimited ? new Rate(limits, nowMs) : null;
}

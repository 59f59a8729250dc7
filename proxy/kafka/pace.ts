import type { Clock } from '../clock.js';

// How fast a lane may bring events into Kafka: `kafka.drainEventsPerSecond`. A token bucket of one second's worth, so that a site whose
// inflow lies below the rate never waits, and a backlog is drained at the rate. A transaction takes its tokens as a whole and may leave a debt.
// Invariant: in any stretch of T seconds at most rate × (T + 1) events begin, and one transaction more.

export interface Pace {
  /** How long the next transaction has to wait; 0: not at all. */
  waitMs(): number;
  /** A transaction of so many records was begun, or failed: what failed was sent all the same. */
  took(records: number): void;
  /** What a transaction may hold, so that a slow rate is many small ones and no long pauses. */
  recordsMax(wanted: number): number;
}

/** Transactions a second at least. */
const transactionsWanted = 5;

export function createPace(clock: Clock, perSecond: number | undefined): Pace {
  if (perSecond === undefined) {
    return { waitMs: () => 0, took() {}, recordsMax: (wanted) => wanted };
  }
  let tokens = perSecond;
  let atMs = clock.monotonicMs();
  function refill(): void {
    const nowMs = clock.monotonicMs();
    tokens = Math.min(perSecond!, tokens + ((nowMs - atMs) * perSecond!) / 1000);
    atMs = nowMs;
  }
  return {
    waitMs() {
      refill();
      return tokens > 0 ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 1000) / perSecond));
    },
    took(records) {
      refill();
      tokens -= records;
    },
    recordsMax: (wanted) => Math.min(wanted, Math.ceil(perSecond / transactionsWanted)),
  };
}

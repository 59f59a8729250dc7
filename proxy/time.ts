import type { Anchor, BlockEvent } from './block.js';
import type { Clock } from './clock.js';
import type { TimeQuality } from './journal/record.js';

// session: from a device's uptime to wall time (PROTOCOL.md §8). The smallest (arrival − uptime) of
// the last ten minutes is taken on the monotonic clock and turned into wall time when it is used, so
// that a step of the proxy's wall clock neither sticks for ten minutes nor hides.

const windowMs = 10 * 60_000;
const bucketMs = 10_000;

export class OffsetWindow {
  /** The minimum of each ten seconds, oldest first; at most 61 of them. */
  readonly #buckets: { bucket: number; least: number }[] = [];

  sample(clock: Clock, uptime: number): void {
    const now = clock.monotonicMs();
    const bucket = Math.floor(now / bucketMs);
    const last = this.#buckets.at(-1);
    if (last?.bucket === bucket) last.least = Math.min(last.least, now - uptime);
    else this.#buckets.push({ bucket, least: now - uptime });
    while (this.#buckets[0]!.bucket < bucket - windowMs / bucketMs) this.#buckets.shift();
  }

  /** Event time = uptime + offset. Call after `sample`. */
  offsetMs(clock: Clock): number {
    let least = Infinity;
    for (const bucket of this.#buckets) least = Math.min(least, bucket.least);
    return Math.round(least + clock.nowMs() - clock.monotonicMs());
  }
}

export interface BlockTime {
  offsetMs: number;
  lastTimeMs: number;
  quality: TimeQuality;
}

export interface TimeSource {
  arrivalMs: number;
  /** Of the running boot; null for one that has ended. */
  offsetMs: number | null;
  /** What an ended boot knew of wall time. */
  anchor: Anchor | null;
  /** HELLO's flag: the uptime did not count deep sleep. */
  uptimeStops: boolean;
  /** The boot's latest event time given out: times never run backwards [W-36]. */
  floorMs: number;
}

/** `events`: the new ones of a block, at least one. */
export function timeOf(events: readonly BlockEvent[], source: TimeSource): BlockTime {
  const { arrivalMs, anchor, uptimeStops, floorMs } = source;
  const first = events[0]!.uptime;
  const last = events[events.length - 1]!.uptime;
  const known = source.offsetMs ?? (anchor === null ? null : anchor.wallMs - anchor.uptime);
  if (known === null) {
    // Such events all get one time, the block's last [W-37].
    const lastTimeMs = Math.max(arrivalMs, floorMs);
    return { offsetMs: lastTimeMs - last, lastTimeMs, quality: 'unknown' };
  }
  const offsetMs = Math.max(known, floorMs - first);
  const running = source.offsetMs !== null;
  const quality = running && !uptimeStops ? 'synced' : 'estimated';
  return { offsetMs, lastTimeMs: last + offsetMs, quality };
}

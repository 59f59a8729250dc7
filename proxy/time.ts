import type { Anchor, BlockEvent } from './block.js';
import type { Clock } from './clock.js';
import type { TimeQuality } from './journal/record.js';

// session: from a device's uptime to wall time (PROTOCOL.md §8). The smallest (arrival − uptime) of
// the last ten minutes is taken on the monotonic clock and turned into wall time when it is used, so
// that a step of the proxy's wall clock neither sticks for ten minutes nor hides.
// Guarantee: the times of a boot never run backwards, unless the wall clock did by more than `aheadMaxMs`.

/** A time further ahead of its arrival than this is not believed: Kafka refuses an hour. */
export const aheadMaxMs = 10 * 60_000;
/** What is further from what the clocks say is not `synced`. */
const moveMaxMs = 1_000;
const windowMs = 10 * 60_000;
const bucketMs = 10_000;

export class OffsetWindow {
  /** The minimum of each ten seconds, oldest first; at most 61 of them. */
  readonly #buckets: { bucket: number; least: number }[] = [];
  #newest = 0;

  sample(clock: Clock, uptime: number): void {
    const now = clock.monotonicMs();
    const bucket = Math.floor(now / bucketMs);
    const last = this.#buckets.at(-1);
    this.#newest = now - uptime;
    if (last?.bucket === bucket) last.least = Math.min(last.least, now - uptime);
    else this.#buckets.push({ bucket, least: now - uptime });
    while (this.#buckets[0]!.bucket < bucket - windowMs / bucketMs) this.#buckets.shift();
  }

  /**
   * Event time = uptime + offset. Call after `sample`. An uptime that stopped in between has made every
   * older sample too small, so then the newest counts, with what queueing it had.
   */
  offsetMs(clock: Clock, uptimeStops = false): number {
    let least = uptimeStops ? this.#newest : Infinity;
    for (const bucket of uptimeStops ? [] : this.#buckets) least = Math.min(least, bucket.least);
    return Math.round(least + clock.nowMs() - clock.monotonicMs());
  }
}

/** An event's time is its uptime + offsetMs, and at most lastTimeMs. */
export interface BlockTime {
  offsetMs: number;
  lastTimeMs: number;
  quality: TimeQuality;
}

export interface TimeSource {
  arrivalMs: number;
  running: boolean;
  /** By the boot's window; null where this process did not hear the boot while it ran. */
  offsetMs: number | null;
  /** What an ended boot knew of wall time. */
  anchor: Anchor | null;
  /** What the boot's last block with a known time was given, by the journal. */
  lastOffsetMs: number | null;
  /** HELLO's flag: the uptime did not count deep sleep. */
  uptimeStops: boolean;
  /** The boot's latest event time given out: times never run backwards [W-36]. */
  floorMs: number;
}

/** `events`: the new ones of a block, at least one. */
export function timeOf(events: readonly BlockEvent[], source: TimeSource): BlockTime {
  const { arrivalMs, anchor, running } = source;
  const first = events[0]!.uptime;
  const last = events[events.length - 1]!.uptime;
  const floorMs = isSetBack(source) ? 0 : source.floorMs;
  const anchored = running || anchor === null ? null : anchor.wallMs - anchor.uptime;
  const known = anchored ?? source.offsetMs ?? source.lastOffsetMs;
  if (known === null || first + known < 0) {
    // Such events all get one time, the block's last [W-37].
    const lastTimeMs = Math.max(arrivalMs, floorMs);
    return { offsetMs: lastTimeMs - last, lastTimeMs, quality: 'unknown' };
  }
  const offsetMs = Math.max(known, floorMs - first);
  // Nothing happened after it arrived.
  const lastTimeMs = Math.max(floorMs, Math.min(last + known, arrivalMs));
  const isMoved = offsetMs - known > moveMaxMs || last + known - arrivalMs > moveMaxMs;
  const isSynced = running && !source.uptimeStops && !isMoved;
  return { offsetMs, lastTimeMs, quality: isSynced ? 'synced' : 'estimated' };
}

/** [W-36] The wall clock was set back since the boot's latest time was given out, which was wrong then. */
export function isSetBack({
  arrivalMs,
  floorMs,
}: Pick<TimeSource, 'arrivalMs' | 'floorMs'>): boolean {
  return floorMs > arrivalMs + aheadMaxMs;
}

import type { Run, SiteDevice } from './site-device.js';

// The times of a boot's events in Kafka, held against the true ones: never early, never backwards in the order of the seqs whatever their
// topic, and late by no more than their quality allows (PROTOCOL.md §8).

export interface Found {
  timestampMs: number;
  quality: string;
  topic: string;
}

/** When the scheduler's 0 was by the proxy's wall clock, at the earliest and at the latest. */
export interface TrueClock {
  leastMs: number;
  mostMs: number;
}

/** Times are whole milliseconds, on the device and in the proxy. */
const earlyMaxMs = 3;
/** An anchor is off by what WELCOME's way took. */
const anchorEarlyMaxMs = 10_000;
/** The best of the frames that were heard is as late as a frame is on a bad link; what is off by a second more is not called synced. */
const syncedLateMaxMs = 2_000;
/** Of an ended boot one frame may have been heard, by a process that was frozen just then. */
const heardLateMaxMs = 30_000;

/** Answers what is wrong; null: nothing is. */
export function wrongTime(
  { shape }: SiteDevice,
  run: Run,
  found: ReadonlyMap<number, Found>,
  { leastMs, mostMs }: TrueClock,
): string | null {
  let floorMs = Number.NEGATIVE_INFINITY;
  let estimatedLateMaxMs = heardLateMaxMs;
  for (const seq of [...found.keys()].sort((a, b) => a - b)) {
    const { timestampMs, quality, topic } = found.get(seq)!;
    const wrong = (what: string) => `${seq} in ${topic} (${quality}): its time is ${what}`;
    const { atMs } = run.sent[seq]!;
    const lateMs = timestampMs - (mostMs + atMs);
    const earlyMs = leastMs + atMs - timestampMs;
    if (timestampMs < floorMs) {
      return wrong(`${floorMs - timestampMs} ms before that of an earlier one`);
    }
    floorMs = timestampMs;
    const isAnchored = quality === 'estimated' && shape.hasAnchors;
    const tooEarlyMs = isAnchored ? anchorEarlyMaxMs : earlyMaxMs;
    if (earlyMs > tooEarlyMs) return wrong(`early by ${earlyMs} ms`);
    // [W-36] What comes behind is held back by as much.
    if (quality.startsWith('unknown')) estimatedLateMaxMs = Math.max(estimatedLateMaxMs, lateMs);
    else if (lateMs > (quality === 'synced' ? syncedLateMaxMs : estimatedLateMaxMs)) {
      return wrong(`late by ${lateMs} ms`);
    }
  }
  return null;
}

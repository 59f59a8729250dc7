import { crc32 } from '../crc32.js';

// The lane of a device, and how many there are ([J-6]): part of the format, since headers carry both.

export function laneOf(device: string, lanes: number): number {
  return lanes === 1 ? 0 : crc32(Buffer.from(device, 'utf8')) % lanes;
}

/** How many lanes are at work, and since which offset: below it nothing waits, of any lane. */
export interface LaneCount {
  lanes: number;
  lanesSince: number;
}

/** As the segments say it, of which each has records; null where there are none. */
export function laneCountOf(
  segments: readonly { start: number; header: { lanes: number } }[],
): LaneCount | null {
  const newest = segments.at(-1);
  if (newest === undefined) return null;
  const { lanes } = newest.header;
  const before = segments.findLastIndex(({ header }) => header.lanes !== lanes);
  return { lanes, lanesSince: segments[before + 1]!.start };
}

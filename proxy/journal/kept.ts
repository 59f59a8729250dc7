import type { Disk } from '../disk.js';
import { decodeGroup, decodePayload, recordType } from './payload.js';
import { journalOf, type Segment, walkedOf } from './segments.js';
import { scan } from './walk.js';

// Since when segments are kept that an opening finds ([J-54]). No file says it; the journal does: a segment's first confirmations say
// how far Kafka was when it was begun, and their group when that was. So each time is that of the commit or later, never before it.

const readBytes = 65_536;

/** Answers when everything below an offset was committed at the latest; null: nothing tells. */
export async function committedTimes(
  { disk, folder }: { disk: Disk; folder: string },
  segments: readonly Segment[],
): Promise<(end: number) => number | null> {
  const words: { passed: number; atMs: number }[] = [];
  const lanes = new Map<number, number>();
  for (const segment of segments) {
    const found = await beginningOf(disk, folder, segment).catch(() => []);
    for (const { lane, offset, atMs } of found) {
      lanes.set(lane, offset);
      // Of those that are no more no word comes.
      const passed = Array.from({ length: segment.header.lanes }, (_, at) => lanes.get(at) ?? 0);
      words.push({ passed: Math.min(...passed), atMs });
    }
  }
  return (end) => words.find(({ passed }) => passed >= end)?.atMs ?? null;
}

async function beginningOf(
  disk: Disk,
  folder: string,
  segment: Segment,
): Promise<{ lane: number; offset: number; atMs: number }[]> {
  const file = await disk.open(`${folder}/${segment.name}`, 'read');
  try {
    const limit = segment.end ?? segment.start + segment.fileBytes;
    const { records } = await scan(walkedOf(segment, file), segment.start, limit, readBytes);
    const found: { lane: number; offset: number; atMs: number }[] = [];
    let atMs = 0;
    for (const { type, payload } of records) {
      if (type === recordType.group) atMs = decodeGroup(payload)?.writtenMs ?? atMs;
      if (type !== recordType.confirm) continue;
      const record = decodePayload(type, payload, journalOf(segment));
      if (record?.kind !== 'confirm') continue;
      found.push({ lane: record.position.lane, offset: record.position.offset, atMs });
    }
    return found;
  } finally {
    await file.close();
  }
}

import type { Journal } from './journal/journal.js';
import { batches, type JournalReader } from './journal/reader.js';

// Since when the events wait that an opening finds: the first one's arrival, read; behind it by segments, whose headers say when they
// were begun, so that a journal of 10 GB is not read for it. An age so found is too small at most by what an event waits for its fsync.

const readBytesMax = 65_536;

export async function waitingSince(
  reader: Pick<JournalReader, 'begin' | 'read' | 'extents'>,
  journal: Pick<Journal, 'lanes' | 'syncedEnd' | 'waitsFrom'>,
): Promise<{ lane: number; end: number; sinceMs: number }[]> {
  const found: { lane: number; end: number; sinceMs: number }[] = [];
  const until = journal.syncedEnd;
  const begin = await reader.begin();
  const extents = await reader.extents();
  for (let lane = 0; lane < journal.lanes; lane++) {
    const from = Math.max(begin, journal.waitsFrom(lane));
    const first = await firstArrival(reader, lane, from, until);
    if (first === null) continue;
    for (const { start, end, createdMs } of extents) {
      if ((end ?? until) <= first.offset) continue;
      const sinceMs =
        start <= first.offset ? first.arrivalMs : Math.max(first.arrivalMs, createdMs);
      found.push({ lane, end: end ?? until, sinceMs });
    }
  }
  return found;
}

/** Of the lane's first record behind `from`; null where there is none. */
async function firstArrival(
  reader: Pick<JournalReader, 'read'>,
  lane: number,
  from: number,
  until: number,
): Promise<{ offset: number; arrivalMs: number } | null> {
  for await (const located of batches(reader, from, until, readBytesMax)) {
    for (const { record, lane: own, offset } of located) {
      if (own !== lane || (record.kind !== 'block' && record.kind !== 'loss')) continue;
      return { offset, arrivalMs: record.arrivalMs };
    }
  }
  return null;
}

import type { Journal } from './journal/journal.js';
import { batches, type JournalReader } from './journal/reader.js';

// The books' term `buffered`: events in the journal behind what Kafka confirmed, counted by reading
// them, so that the books are no subtraction.

export async function countBuffered(
  reader: Pick<JournalReader, 'begin' | 'read'>,
  journal: Pick<Journal, 'lanes' | 'syncedEnd' | 'waitsFrom'>,
): Promise<number> {
  const begin = await reader.begin();
  const from = Array.from({ length: journal.lanes }, (_, lane) =>
    Math.max(begin, journal.waitsFrom(lane)),
  );
  const until = journal.syncedEnd;
  let events = 0;
  for await (const located of batches(reader, Math.min(...from), until)) {
    for (const { record, lane, offset, lost } of located) {
      if (offset < (from[lane] ?? until)) continue;
      // Damage took them; the lane has still to say so.
      if (lost !== undefined) events += (lost.to ?? lost.from) - lost.from;
      if (record.kind !== 'block') continue;
      events += record.first + record.count - record.from;
    }
  }
  return events;
}

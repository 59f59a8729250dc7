// What Kafka had committed when a process was killed, and nobody had noted: counted at the next
// start from the journal's records, so that the books balance. KAFKA.md [K-23]

import { batches } from '../journal/reader.js';
import type { Dropped, Located, Position } from '../journal/record.js';
import { EventCounts, type LaneReader } from './feed.js';
import type { SinkRecord } from './sink.js';

export interface Recount {
  committed: [device: string, events: number][];
  dropped: Dropped[];
  /** Kafka records. */
  records: number;
}

/** Counts from `from` to the end of the record that `position` names. */
export async function recount(
  reader: LaneReader,
  from: number,
  position: Position,
  toRecords: (located: Located) => SinkRecord[],
): Promise<Recount> {
  const counts = new EventCounts();
  let records = 0;
  // A reader that does not get on leaves the rest uncounted, not wrong.
  for await (const located of batches(reader, from, position.end)) {
    for (const one of located) {
      if (one.lane !== position.lane) continue;
      const made = toRecords(one);
      records += made.length;
      counts.add(one, made);
    }
  }
  return { committed: counts.committed, dropped: counts.dropped, records };
}

// What Kafka had committed when a process was killed, and nobody had noted: counted at the next
// start from the journal's records, so that the books balance. KAFKA.md [K-23]

import type { Dropped, Located, Position } from '../journal/record.js';
import { EventCounts, type LaneReader } from './feed.js';
import type { SinkRecord } from './sink.js';

export interface Recount {
  committed: [device: string, events: number][];
  dropped: Dropped[];
  /** Kafka records. */
  records: number;
}

const readBytesMax = 262_144;

/** Counts from `from` to the end of the record that `position` names. */
export async function recount(
  reader: LaneReader,
  from: number,
  position: Position,
  toRecords: (located: Located) => SinkRecord[],
): Promise<Recount> {
  const counts = new EventCounts();
  let records = 0;
  for (let at = from; at < position.end; ) {
    const { located, next } = await reader.read(at, position.end, readBytesMax);
    for (const one of located) {
      if (one.lane !== position.lane) continue;
      const made = toRecords(one);
      records += made.length;
      counts.add(one, made);
    }
    // Below the synced end a reader always gets on; if not, the rest stays uncounted, not wrong.
    if (next <= at) break;
    at = next;
  }
  return { committed: counts.committed, dropped: counts.dropped, records };
}

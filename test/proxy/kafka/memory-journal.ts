// A journal in memory as a lane reads it: records of 100 bytes, one block of `count` events each.

import { randomBytes } from 'node:crypto';
import type { JournalRecord, Located } from '../../../proxy/journal/record.js';
import type { LaneReader } from '../../../proxy/kafka/feed.js';
import type { SinkRecord } from '../../../proxy/kafka/sink.js';

export interface MemoryJournal {
  id: string;
  readonly records: Located[];
  readonly reader: LaneReader;
  readonly end: number;
  /** Appends a block of that many events; its Kafka values are `<seq>`. */
  block(count: number, options?: { device?: string; lane?: number }): void;
  other(kind: 'table'): void;
  /** Lets go of everything before this offset. */
  forgetBelow(offset: number): void;
  /** The same records under the same id: what a copied folder is. */
  copy(): MemoryJournal;
}

const recordBytes = 100;

export function createMemoryJournal(
  id = randomBytes(16).toString('hex'),
  copied: Located[] = [],
): MemoryJournal {
  const records: Located[] = [...copied];
  let begin = 0;
  let end = copied.at(-1)?.end ?? 0;
  let check = randomBytes(3).readUIntBE(0, 3);
  const nextSeq = new Map<string, number>();
  function append(record: JournalRecord, lane: number): void {
    const offset = end;
    end += recordBytes;
    records.push({ record, lane, generation: 1, offset, end, check: check++ });
  }
  const journal: MemoryJournal = {
    id,
    records,
    get end() {
      return end;
    },
    reader: {
      begin: async () => begin,
      at: async (offset) => records.find((one) => one.offset === offset && offset >= begin) ?? null,
      async read(from, until, bytesMax) {
        const located = records
          .filter((one) => one.offset >= from && one.end <= until)
          .slice(0, Math.max(1, Math.floor(bytesMax / recordBytes)));
        return { located, next: located.at(-1)?.end ?? from };
      },
    },
    block(count, { device = 'press-07', lane = 0 } = {}) {
      const first = nextSeq.get(device) ?? 0;
      nextSeq.set(device, first + count);
      const record = {
        ...{ kind: 'block' as const, device, boot: 1, first, count, from: first, table: '' },
        ...{ arrivalMs: 0, offsetMs: 0, lastTimeMs: 0, quality: 'synced' as const },
        bytes: new Uint8Array(),
      };
      append(record, lane);
    },
    other(kind) {
      append({ kind, device: 'press-07', id: 'aa', bytes: new Uint8Array() }, 0);
    },
    forgetBelow(offset) {
      begin = offset;
      while (records[0] !== undefined && records[0].offset < offset) records.shift();
    },
    copy: () => createMemoryJournal(id, records),
  };
  for (const { record } of copied) {
    if (record.kind === 'block') nextSeq.set(record.device, record.first + record.count);
  }
  return journal;
}

/** One Kafka record per event: device and seq. */
export function toRecords(located: Located, topic = 'events'): SinkRecord[] {
  const { record } = located;
  if (record.kind !== 'block') return [];
  return Array.from({ length: record.count }, (_, at) => ({
    topic,
    key: Buffer.from(record.device),
    value: Buffer.from(String(record.first + at)),
    timestampMs: Date.now(),
    headers: {},
  }));
}

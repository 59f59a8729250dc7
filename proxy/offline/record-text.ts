// A record of the journal for a person, or as JSON: where it lies and what it says; a block's events stay in their bytes.

import type { JournalRecord, Located } from '../journal/record.js';
import { timeText } from './offline-journal.js';

export function recordText(located: Located): string {
  const { record, lane, offset, end, lost } = located;
  const before =
    lost === undefined
      ? ''
      : `(lost to damage before it: ${lost.device}, boot ${lost.boot}, seq ${lost.from} to ${(lost.to ?? 0) - 1})\n`;
  return `${before}${offset}  ${end - offset} bytes  lane ${lane}  ${record.kind}  ${text(record)}`;
}

function text(record: JournalRecord): string {
  switch (record.kind) {
    case 'block': {
      const { device, boot, first, count, from, table, quality, lastTimeMs, bytes } = record;
      const overlap = from > first ? `, of which those from ${from} on are new` : '';
      const seqs = `seq ${first} to ${first + count - 1}${overlap}`;
      const time =
        quality === 'unknown' ? 'time unknown' : `${quality}, until ${timeText(lastTimeMs)}`;
      return `${device}  boot ${boot}  ${seqs}  table ${table || 'none'}  ${time}  ${bytes.length} bytes of events`;
    }
    case 'loss': {
      const { device, boot, from, to, reason } = record;
      const seqs = to === null ? `from seq ${from} on` : `seq ${from} to ${to - 1}`;
      return `${device}  boot ${boot}  ${seqs}  ${reason}`;
    }
    case 'table':
      return `${record.device}  ${record.id}  ${record.bytes.length} bytes`;
    case 'confirm': {
      const { position, committed, dropped = [] } = record;
      const events = committed.map(([device, count]) => `${device} ${count}`);
      const gone = dropped.map(
        ([device, reason, count]) => `${device} ${count} dropped (${reason})`,
      );
      return `of lane ${position.lane}: Kafka has all below ${position.end}; events: ${[...events, ...gone].join(', ') || 'none'}`;
    }
    case 'forget':
      return `${record.device}  boots ${record.boots.join(', ')}`;
  }
}

export function plainRecord({ record, lane, generation, offset, end, lost }: Located): object {
  const { kind, ...rest } = record;
  const bytes = 'bytes' in record ? { bytes: Buffer.from(record.bytes).toString('hex') } : {};
  return { offset, end, kind, lane, generation, ...rest, ...bytes, ...(lost ? { lost } : {}) };
}

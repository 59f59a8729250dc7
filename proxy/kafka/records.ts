// journal → batch: what a journal record is in Kafka. One record per event, one per lost range; key = device,
// timestamp = event time, header hw-id = "<boot>/<seq>", header hw-time = how good the time is.
// A block that is in the journal decodes: the session read it before it was written.

import { Encoder } from 'cbor-x';
import { type BlockEvent, decodeBlock } from '../block.js';
import type { KafkaConfig } from '../config.js';
import type { BlockRecord, Located, LossRecord, TableRecord } from '../journal/record.js';
import { type StreamTable, Tables } from '../table.js';
import { aheadMaxMs } from '../time.js';
import { EventJson, plain } from './event-json.js';
import type { SinkRecord } from './sink.js';

export interface RecordMaker {
  /** Takes records in the journal's order; tables and confirmations become no record. */
  toRecords(located: Pick<Located, 'record' | 'lost'>): SinkRecord[];
}

export function createRecordMaker(options: {
  topics: Pick<KafkaConfig['topics'], 'prefix' | 'routes' | 'loss'>;
  value: KafkaConfig['value'];
  /** The proxy's own topics: what a route or a stream's name would put there goes beside them. */
  own?: readonly string[];
  /** Those that were durable when the lane began; later ones come along with the journal. */
  tables: Iterable<TableRecord>;
}): RecordMaker {
  const { topics, value, own = [topics.loss] } = options;
  const decoded = new Tables();
  const tables = new Map<string, StreamTable>();
  const json = new EventJson();
  const encode = (event: BlockEvent) => (value === 'cbor' ? toCbor(event) : json.encode(event));
  for (const table of options.tables) learn(table);

  const topicOf = topicsOf(topics, own);

  function learn({ device, id, bytes }: TableRecord): void {
    const table = decoded.decode(id, bytes);
    if (typeof table !== 'string') tables.set(`${id} ${device}`, table);
  }

  function block(record: BlockRecord): SinkRecord[] {
    const { device, boot, first, from, count, lastTimeMs, quality } = record;
    const decoded = decodeBlock(
      record.bytes,
      tables.get(`${record.table} ${device}`) ?? null,
      count,
    );
    // [J-33] It was checked before it was written: the record that held its table is damaged.
    if (decoded.kind !== 'events') {
      const { arrivalMs } = record;
      const reason = 'damaged';
      return damaged({ kind: 'loss', device, boot, from, to: first + count, reason, arrivalMs });
    }
    const key = Buffer.from(device);
    const records: SinkRecord[] = [];
    for (let at = from - first; at < count; at++) {
      const event = decoded.events[at];
      if (event === undefined) break;
      const claimedMs = Math.round(event.uptime + record.offsetMs);
      const isBelieved = isTime(claimedMs, record);
      records.push({
        topic: topicOf(event.stream),
        key,
        value: encode(event),
        timestampMs: isBelieved ? Math.min(claimedMs, lastTimeMs) : lastTimeMs,
        headers: {
          'hw-id': `${boot}/${first + at}`,
          'hw-time': isBelieved ? quality : `unknown;claimed=${claimedMs}`,
        },
      });
    }
    return records;
  }

  function loss({ device, boot, from, to, reason, arrivalMs }: LossRecord): SinkRecord[] {
    return [
      {
        topic: topics.loss,
        key: Buffer.from(device),
        value: Buffer.from(JSON.stringify({ boot, from, to, reason })),
        timestampMs: arrivalMs,
        headers: { 'hw-id': `${boot}/${from}` },
      },
    ];
  }

  /** Acknowledged, and unreadable in the journal since. */
  function damaged(record: LossRecord): SinkRecord[] {
    const dropped = (record.to ?? record.from) - record.from;
    return loss(record).map((one) => ({ ...one, dropped }));
  }

  return {
    toRecords({ record, lost }) {
      if (lost !== undefined) return [...damaged(lost), ...this.toRecords({ record })];
      switch (record.kind) {
        case 'block':
          return block(record);
        case 'loss':
          return loss(record);
        case 'table':
          learn(record);
          return [];
        default:
          return [];
      }
    },
  };
}

/** [K-41] */
function isTime(claimedMs: number, { arrivalMs, quality }: BlockRecord): boolean {
  return quality !== 'unknown' && claimedMs <= arrivalMs + aheadMaxMs && claimedMs >= 0;
}

/** [K-40] Said once a stream. */
function topicsOf(
  { routes, prefix }: Pick<KafkaConfig['topics'], 'routes' | 'prefix'>,
  own: readonly string[],
): (stream: string) => string {
  const known = new Map<string, string>();
  return (stream) => {
    let topic = known.get(stream);
    if (topic === undefined) {
      // A stream may be called `constructor`.
      topic = (Object.hasOwn(routes, stream) ? routes[stream] : null) ?? prefix + stream;
      if (own.includes(topic)) topic = `${topic}.events`;
      if (known.size < streamsKnownMax) known.set(stream, topic);
    }
    return topic;
  };
}

/** Undeclared events may have any name. */
const streamsKnownMax = 10_000;

const encoder = new Encoder({ useRecords: false, variableMapSize: true, mapsAsObjects: true });

function toCbor({ fields, values }: BlockEvent): Uint8Array {
  if (fields === null) return encoder.encode(plain(values[0] ?? null));
  const entries = fields.map(({ name }, at) => [name, plain(values[at] ?? null)] as const);
  return encoder.encode(Object.fromEntries(entries));
}

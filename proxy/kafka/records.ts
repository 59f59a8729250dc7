// journal → batch: what a journal record is in Kafka. One record per event, one per lost range; key = device,
// timestamp = event time, header hw-id = "<boot>/<seq>", header hw-time = how good the time is.
// A block that is in the journal decodes: the session read it before it was written.

import { Encoder } from 'cbor-x';
import { type BlockEvent, decodeBlock } from '../block.js';
import type { Value } from '../cbor.js';
import type { KafkaConfig } from '../config.js';
import type { BlockRecord, Located, LossRecord, TableRecord } from '../journal/record.js';
import { decodeTable, type Field, type StreamTable } from '../table.js';
import { aheadMaxMs } from '../time.js';
import type { SinkRecord } from './sink.js';

export interface RecordMaker {
  /** Takes records in the journal's order; tables and confirmations become no record. */
  toRecords(located: Pick<Located, 'record' | 'lost'>): SinkRecord[];
}

export function createRecordMaker(options: {
  topics: Omit<KafkaConfig['topics'], 'dead'>;
  value: KafkaConfig['value'];
  /** The proxy's own topics: what a route or a stream's name would put there goes beside them. */
  own?: readonly string[];
  /** Those that were durable when the lane began; later ones come along with the journal. */
  tables: Iterable<TableRecord>;
}): RecordMaker {
  const { topics, value, own = [topics.loss] } = options;
  const tables = new Map<string, StreamTable>();
  const encode = value === 'cbor' ? toCbor : toJson;
  for (const table of options.tables) learn(table);

  /** [K-40] */
  function topicOf(stream: string): string {
    const topic = topics.routes[stream] ?? topics.prefix + stream;
    return own.includes(topic) ? `${topic}.events` : topic;
  }

  function learn({ device, id, bytes }: TableRecord): void {
    const table = decodeTable(bytes);
    if (typeof table !== 'string') tables.set(`${id} ${device}`, table);
  }

  function block(record: BlockRecord): SinkRecord[] {
    const { device, boot, first, from, count } = record;
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
      records.push({
        topic: topicOf(event.stream),
        key,
        value: encode(event),
        ...time(claimedMs, record, `${boot}/${first + at}`),
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

function time(
  claimedMs: number,
  { arrivalMs, lastTimeMs, quality }: BlockRecord,
  id: string,
): Pick<SinkRecord, 'timestampMs' | 'headers'> {
  const believed = quality !== 'unknown' && claimedMs <= arrivalMs + aheadMaxMs && claimedMs >= 0;
  return believed
    ? {
        timestampMs: Math.min(claimedMs, lastTimeMs),
        headers: { 'hw-id': id, 'hw-time': quality },
      }
    : {
        timestampMs: lastTimeMs,
        headers: { 'hw-id': id, 'hw-time': `unknown;claimed=${claimedMs}` },
      };
}

const toCbor = (event: BlockEvent) => encoder.encode(plain(event));
const encoder = new Encoder({ useRecords: false, variableMapSize: true, mapsAsObjects: true });

/** As JSON.stringify(plain(event)) would, without the object: the declaration says once what stands before each value. */
function toJson({ fields, values }: BlockEvent): Buffer {
  if (fields === null) return Buffer.from(jsonOf(values[0] ?? null));
  if (fields.length === 0) return Buffer.from('{}');
  let before = heads.get(fields);
  if (before === undefined) {
    before = fields.map(({ name }, at) => `${at === 0 ? '{' : ','}${JSON.stringify(name)}:`);
    heads.set(fields, before);
  }
  let text = '';
  for (let at = 0; at < before.length; at++) text += before[at]! + jsonOf(values[at] ?? null);
  return Buffer.from(`${text}}`);
}

const heads = new WeakMap<readonly Field[], string[]>();

function jsonOf(value: Value): string {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value === null ? 'null' : JSON.stringify(simple(value), forJson);
}

/** An object by field name; the bare value of an undeclared event. */
function plain({ fields, values }: BlockEvent): unknown {
  if (fields === null) return simple(values[0] ?? null);
  return Object.fromEntries(fields.map((field, at) => [field.name, simple(values[at] ?? null)]));
}

function simple(value: Value): unknown {
  // A Buffer would turn itself into something else before forJson sees it.
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, part]) => [key, simple(part)]));
  }
  return Array.isArray(value) ? value.map(simple) : value;
}

/** JSON has no bytes (base64) and no integers beyond 2^53 (text); NaN and the infinities become null. */
function forJson(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'bigint' ? value.toString() : value;
}

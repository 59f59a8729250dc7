import fc from 'fast-check';
import {
  type Block,
  type BlockEvent,
  decodeBlock,
  type EventsBlock,
} from '../../../proxy/block.js';
import type { Value } from '../../../proxy/cbor.js';
import type { BlockRecord } from '../../../proxy/journal/record.js';
import { createRecordMaker, type RecordMaker } from '../../../proxy/kafka/records.js';
import { decodeTable, type StreamTable } from '../../../proxy/table.js';
import { BLOCK_BYTES_MAX, SCALED_MAX, UPTIME_MAX } from '../../../sdk/wire.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { block, tables } from '../arbitraries.js';
import { encode, head, integer, join, text, uint } from '../cbor-writer.js';
import { check, type Target } from '../target.js';

// A block, as DATA brings it: its first byte says with which of the tables it is read, its second how many events DATA said it has; 0: as
// many as can be read. Behind it the records that a lane makes of it.

interface Table {
  id: string;
  bytes: Uint8Array;
  streams: StreamTable;
}

const known: readonly Table[] = tables.map(({ id, bytes }) => {
  const streams = decodeTable(bytes);
  if (typeof streams === 'string') throw new Error(streams);
  return { id, bytes, streams };
});

const device = 'mote-1';
const topics = { prefix: 'hall.', routes: {}, loss: 'hall.loss' };

function runWith(makers: readonly RecordMaker[], input: Uint8Array): string {
  const [which = 0, count = 0] = input;
  const table = known[which % known.length]!;
  const bytes = input.subarray(2);
  const { streams } = table;
  const found = count === 0 ? readAll(bytes, streams) : decodeBlock(bytes, streams, count);
  if (found.kind === 'undecodable') {
    check(found.why !== '', 'no reason');
    return found.why.replace(/\d+/g, '#');
  }
  if (found.kind === 'lost') return `lost ${found.reason}`;
  const { events } = found;
  if (events.length === 0) return 'no events';
  checkEvents(events);
  const encoded = encodeBlock(found, streams);
  // A device does not pack what it writes as tightly as may be read.
  if (encoded.length <= BLOCK_BYTES_MAX) {
    const again = decodeBlock(encoded, streams, events.length);
    check(shown(again) === shown(found), 'decode(encode(x)) is not x');
  }
  for (const maker of makers) toRecords(maker, table, bytes, found);
  const { prior, anchor } = found;
  const kinds = new Set(events.flatMap(({ values }) => values.map(kindOf)));
  return [prior && 'prior', anchor && 'anchor', ...[...kinds].sort()].filter(Boolean).join(' ');
}

/** Whoever makes a block says how many events it has. */
function readAll(bytes: Uint8Array, streams: StreamTable): Block {
  for (let count = 1; ; count++) {
    const found = decodeBlock(bytes, streams, count);
    const isMore = found.kind === 'undecodable' && found.why === 'more events than its count';
    if (!isMore) return found;
  }
}

function kindOf(value: Value): string {
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return 'bytes';
  return Array.isArray(value) ? 'list' : value instanceof Map ? 'map' : typeof value;
}

function checkEvents(events: readonly BlockEvent[]): void {
  let latest = 0;
  for (const { stream, fields, values, uptime } of events) {
    check(/^[A-Za-z0-9._-]{1,64}$/.test(stream), 'a name that no topic may have');
    check(uptime >= latest && uptime < UPTIME_MAX, 'times run backwards, or beyond 2^46');
    latest = uptime;
    check(values.length === (fields?.length ?? 1), 'not a value for each field');
    for (const [at, { type }] of (fields ?? []).entries()) checkValue(type, values[at]!);
  }
}

function checkValue(type: number, value: Value): void {
  if (value === null) return;
  const kinds: Record<number, string> = { 17: 'boolean', 19: 'string', 20: 'bytes' };
  check(kindOf(value) === (kinds[type] ?? 'number'), 'a value of another type');
  if (typeof value !== 'number' || type === 18) return;
  check(Math.abs(value) <= SCALED_MAX && (type !== 16 || value >= 0), 'a number out of range');
}

/** As a device writes it, by PROTOCOL.md §5. */
function encodeBlock({ prior, anchor, events }: EventsBlock, { streams }: StreamTable): Uint8Array {
  const base = events[0]!.uptime;
  const last = streams.map(() => ({ time: base, interval: 0, values: new Map<number, number>() }));
  const undeclared = { time: base, interval: 0 };
  const change = (of: { time: number; interval: number }, uptime: number) => {
    const interval = uptime - of.time;
    const changed = interval - of.interval;
    Object.assign(of, { time: uptime, interval });
    return changed;
  };
  const parts: Uint8Array[] = [];
  if (prior) parts.push(head(4, 2), uint(prior.boot), uint(prior.next));
  if (anchor)
    parts.push(head(4, 3), uint(anchor.uptime), uint(anchor.wallMs), uint(anchor.errorMs));
  parts.push(uint(base));
  for (const { stream, fields, values, uptime } of events) {
    if (fields === null) {
      parts.push(text(stream), integer(change(undeclared, uptime)), encode(values[0]!));
      continue;
    }
    const index = streams.findIndex(({ name }) => name === stream);
    const mine = last[index]!;
    parts.push(integer(BigInt(change(mine, uptime)) * BigInt(streams.length) + BigInt(index)));
    for (const [at, { type }] of fields.entries()) {
      parts.push(fieldOf(type, values[at]!, mine.values, at));
    }
  }
  return join(...parts);
}

function fieldOf(type: number, value: Value, before: Map<number, number>, at: number): Uint8Array {
  const isScaled = type <= 9 || type === 16;
  if (!isScaled || typeof value !== 'number') {
    return type === 18 && typeof value === 'number' ? double(value) : encode(value);
  }
  // By its digits: a product is off by one where a double has no more than they need.
  const scaled = Number(value.toFixed(type % 16).replace('.', ''));
  const changed = scaled - (before.get(at) ?? 0);
  before.set(at, scaled);
  return integer(changed);
}

function double(value: number): Uint8Array {
  const out = Buffer.alloc(9, 0xfb);
  out.writeDoubleBE(value, 1);
  return out;
}

function shown(found: Block): string {
  return JSON.stringify(found, (_key, value) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Map) return [...value];
    return typeof value === 'number' && !Number.isFinite(value) ? `${value}` : value;
  });
}

function toRecords(
  maker: RecordMaker,
  table: Table,
  bytes: Uint8Array,
  { events }: EventsBlock,
): void {
  const record: BlockRecord = {
    ...{
      kind: 'block',
      device,
      boot: 77,
      first: 5,
      count: events.length,
      from: 5,
      table: table.id,
    },
    ...{ arrivalMs: 2e12, offsetMs: 1e12, lastTimeMs: 2e12, quality: 'synced', bytes },
  };
  const records = maker.toRecords({ record });
  check(records.length === events.length, 'not a record for each event');
  for (const { value, topic, timestampMs } of records) {
    check(value.length > 0 && topic.startsWith('hall.'), 'a record without a value or a topic');
    check(Number.isSafeInteger(timestampMs) && timestampMs >= 0, 'a time that Kafka does not take');
  }
}

export const blockTarget: Target = {
  name: 'block',
  checks:
    'as many events as said, times that never run backwards, values of their types and within their ranges; decode(encode(x)) = x; each becomes a record of Kafka, in JSON and in CBOR',
  arbitrary: fc
    .tuple(fc.nat(known.length - 1), fc.constantFrom(0, 0, 0, 1, 2), block)
    .map(([table, count, bytes]) => join(Uint8Array.of(table, count), bytes)),
  seeds: () => {
    type Case = { name: string; table?: string; block: string };
    const names = vectors<{ cases: { name: string }[] }>('tables').cases.map(({ name }) => name);
    return vectors<{ cases: Case[] }>('blocks').cases.map(({ name, table = '', block: hex }) => ({
      name,
      bytes: join(Uint8Array.of(Math.max(0, names.indexOf(table)), 0), fromHex(hex)),
    }));
  },
  fresh: () => {
    const records = known.map(({ id, bytes }) => ({ kind: 'table' as const, device, id, bytes }));
    const makers = (['json', 'cbor'] as const).map((value) =>
      createRecordMaker({ topics, value, tables: records }),
    );
    return { run: (input) => runWith(makers, input) };
  },
};

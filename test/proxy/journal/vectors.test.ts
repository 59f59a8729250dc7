import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type SlotOutcome,
} from '../../../proxy/journal/checkpoint.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  formatVersion,
  idSeed,
  segmentName,
} from '../../../proxy/journal/format.js';
import { openRecord } from '../../../proxy/journal/located.js';
import { decodeGroup, recordType } from '../../../proxy/journal/payload.js';
import { entryOf } from '../../../proxy/journal/queue.js';
import type { JournalRecord, Position } from '../../../proxy/journal/record.js';
import { SegmentWriter } from '../../../proxy/journal/segment-writer.js';
import { type DurablePlace, State } from '../../../proxy/journal/state.js';
import { scan } from '../../../proxy/journal/walk.js';
import { Random } from '../../random.js';
import { fromHex, toHex, vectors } from '../vectors.js';
import { SimulatedDisk } from './simulated-disk.js';

// The journal's bytes as JOURNAL.md says them: what was once written is read by every later version.

type Plain = { kind: JournalRecord['kind'] | 'group'; bytes?: string; [field: string]: unknown };

interface Vectors {
  id: string;
  generation: number;
  lanes: number;
  start: number;
  createdMs: number;
  segmentName: string;
  segmentHeader: string;
  records: {
    name: string;
    offset: number;
    end: number;
    lane: number;
    check: number;
    record: Plain;
    hex: string;
  }[];
  checkpoint: {
    sequence: number;
    end: number;
    generation: number;
    voidGeneration: number;
    writtenMs: number;
    books: unknown;
    confirmed: Omit<Position, 'journal'>[];
    firstOffsets: [number, number][];
    places: [string, DurablePlace[]][];
    tables: [string, [string, string][]][];
    hex: string;
  };
}

const all = vectors<Vectors>('journal');
const id = fromHex(all.id);
const { generation, lanes, start, createdMs } = all;
const header = { id, generation, lanes, start, createdMs };
const segment = all.segmentHeader + all.records.map(({ hex }) => hex).join('');

function recordOf({ bytes, ...plain }: Plain): JournalRecord {
  return { ...plain, ...(bytes === undefined ? {} : { bytes: fromHex(bytes) }) } as JournalRecord;
}

/** Views become plain bytes, so that they compare. */
function plainOf(record: JournalRecord): Plain {
  const bytes = 'bytes' in record ? { bytes: toHex(record.bytes) } : {};
  return { ...record, ...bytes } as Plain;
}

test('the segment: its name and its header', () => {
  assert.is(segmentName(start, generation), all.segmentName);
  assert.is(toHex(encodeSegmentHeader(header)), all.segmentHeader);
  const decoded = decodeSegmentHeader(fromHex(all.segmentHeader));
  if (typeof decoded === 'string') throw new Error(decoded);
  assert.equal({ ...decoded, id: toHex(decoded.id) }, { ...header, id: all.id });
});

test('the writer writes these bytes, and says where', async () => {
  const simulated = new SimulatedDisk(new Random(1));
  const writer = await SegmentWriter.create(simulated.disk, '/journal', header);
  const groups = all.records.flatMap(({ record }, at) => (record.kind === 'group' ? [at] : []));
  for (const [index, at] of groups.entries()) {
    const members = all.records.slice(at + 1, groups[index + 1]);
    const { syncedEnd, writtenMs } = all.records[at]!.record as unknown as Record<string, number>;
    const entries = members.map(({ record, lane }) => entryOf(recordOf(record), lane));
    const written = await writer.write(entries, syncedEnd!, writtenMs!);
    const expected = members.map(({ offset, end, check }) => ({ offset, end, check }));
    assert.equal(written, expected);
  }
  assert.is(toHex(simulated.bytesOf(all.segmentName)), segment);
});

test('the walker reads these bytes', async () => {
  const simulated = new SimulatedDisk(new Random(1));
  simulated.put(all.segmentName, fromHex(segment));
  const file = await simulated.disk.open(`/journal/${all.segmentName}`, 'read');
  const walked = { file, start, generation, seed: idSeed(id) };
  const end = start + segment.length / 2;
  const { records, next, stopped } = await scan(walked, start, end, 1 << 20);
  assert.is(stopped, 'until');
  assert.is(next, end);
  assert.is(records.length, all.records.length);
  for (const [index, { name, record, offset, end, lane, check }] of all.records.entries()) {
    const raw = records[index]!;
    assert.equal([raw.offset, raw.end, raw.lane, raw.check], [offset, end, lane, check], name);
    if (record.kind === 'group') {
      assert.is(raw.type, recordType.group);
      assert.equal({ kind: 'group', ...decodeGroup(raw.payload) }, record, name);
      continue;
    }
    const located = openRecord(raw, { generation, journal: all.id, path: 'vectors' });
    assert.equal(plainOf(located!.record), record, name);
  }
});

test('the checkpoint', () => {
  const { checkpoint } = all;
  const state = new State();
  for (const { record, lane, offset } of all.records) {
    if (record.kind !== 'group') state.apply(recordOf(record), lane, offset);
  }
  const { sequence, end, voidGeneration, writtenMs, books } = checkpoint;
  const whole = { id, lanes, sequence, end, generation, voidGeneration, writtenMs, state, books };
  assert.is(toHex(encodeCheckpoint(whole)), checkpoint.hex);

  const decoded = valid(decodeCheckpoint(fromHex(checkpoint.hex)));
  assert.equal(
    { ...decoded, id: toHex(decoded.id), state: null },
    { ...whole, id: all.id, state: null },
  );
  const { confirmed, firstOffsets, places, tables } = decoded.state;
  const positions = checkpoint.confirmed.map((position) => ({ ...position, journal: all.id }));
  assert.equal([...confirmed.values()], positions);
  assert.equal([...firstOffsets], checkpoint.firstOffsets);
  const rows = [...places].map(([device, boots]) => [device, [...boots.values()]]);
  assert.equal(rows, checkpoint.places);
  const tableRows = [...tables].map(([device, byId]) => [
    device,
    [...byId].map(([tableId, bytes]) => [tableId, toHex(bytes)]),
  ]);
  assert.equal(tableRows, checkpoint.tables);
});

test('a flipped bit anywhere in a record or a header is seen', async () => {
  const bytes = fromHex(segment);
  const simulated = new SimulatedDisk(new Random(1));
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Uint8Array.from(bytes);
    flipped[at]! ^= 1 << (at % 8);
    if (at < 64) {
      const outcome = decodeSegmentHeader(flipped);
      assert.ok(typeof outcome === 'string', `byte ${at} of the header`);
      continue;
    }
    const offset = start + at;
    const hit = all.records.findIndex(({ end }) => offset < end);
    if (isPadding(hit, offset)) continue;
    simulated.put(all.segmentName, flipped);
    const file = await simulated.disk.open(`/journal/${all.segmentName}`, 'read');
    const walked = { file, start, generation, seed: idSeed(id) };
    const { records, stopped } = await scan(walked, start, start + bytes.length, 1 << 20);
    assert.is(stopped, 'invalid', `byte ${at}`);
    assert.is(records.length, hit, `byte ${at}`);
  }
});

test('a flipped bit in a checkpoint is seen', () => {
  const bytes = fromHex(all.checkpoint.hex);
  const payloadEnd = 64 + Buffer.from(bytes).readUInt32LE(40);
  for (let at = 0; at < payloadEnd; at++) {
    const flipped = Uint8Array.from(bytes);
    flipped[at]! ^= 1 << (at % 8);
    assert.is(typeof decodeCheckpoint(flipped), 'string', `byte ${at}`);
  }
});

test('a record is valid in its place only', async () => {
  const bytes = fromHex(segment);
  const simulated = new SimulatedDisk(new Random(1));
  simulated.put(all.segmentName, bytes);
  const file = await simulated.disk.open(`/journal/${all.segmentName}`, 'read');
  const right = { file, start, generation, seed: idSeed(id) };
  const others = [
    { ...right, start: start + 8 },
    { ...right, generation: generation + 1 },
    { ...right, seed: idSeed(new Uint8Array(16)) },
  ];
  for (const walked of others) {
    const { records, stopped } = await scan(walked, walked.start, walked.start + 999, 1 << 20);
    assert.equal([records.length, stopped], [0, 'invalid']);
  }
});

test('a later version is told from damage', () => {
  const later = (hex: string) => {
    const bytes = Buffer.from(hex, 'hex');
    bytes.writeUInt32LE(formatVersion + 1, 8);
    return bytes;
  };
  assert.is(decodeSegmentHeader(later(all.segmentHeader)), 'newer');
  assert.is(decodeCheckpoint(later(all.checkpoint.hex)), 'newer');
});

/** Zeros up to a multiple of 8, which no check covers and nobody reads. */
function isPadding(index: number, offset: number): boolean {
  const { hex, offset: begin } = all.records[index]!;
  return offset >= begin + 24 + Buffer.from(hex, 'hex').readUInt32LE(8);
}

function valid(outcome: SlotOutcome): Exclude<SlotOutcome, string> {
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
}

test.run();

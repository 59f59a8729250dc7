import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BlockEvent, decodeBlock } from '../../proxy/block.js';
import type { Value } from '../../proxy/cbor.js';
import { decodeTable, type StreamTable, tableId } from '../../proxy/table.js';
import { fromHex, toHex, vectors } from './vectors.js';

interface Event {
  stream?: string;
  name?: string;
  uptime: number;
  values?: Record<string, unknown>;
  value?: unknown;
}
interface Blocks {
  cases: { name: string; table: string; events: Event[]; block: string }[];
  lost: { name: string; block: string }[];
  undecodable: { name: string; table: string; count: number; block: string }[];
}
interface Tables {
  cases: {
    name: string;
    streams: unknown[];
    bytes: string;
    id: string;
    parts: string[];
    hello: string;
  }[];
}

const blocks = vectors<Blocks>('blocks');
const tables = vectors<Tables>('tables');

function table(name: string): StreamTable {
  const decoded = decodeTable(fromHex(tables.cases.find((one) => one.name === name)!.bytes));
  if (typeof decoded === 'string') throw new Error(decoded);
  return decoded;
}

function plain(value: Value): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

function asVector({ stream, fields, values, uptime }: BlockEvent): Event {
  if (fields === null) return { name: stream, uptime, value: plain(values[0]!) };
  const named = fields.map(({ name }, index) => [name, plain(values[index]!)]);
  return { stream, uptime, values: Object.fromEntries(named) };
}

for (const one of blocks.cases) {
  test(`block: ${one.name}`, () => {
    const bytes = fromHex(one.block);
    const block = decodeBlock(bytes, table(one.table), one.events.length);
    assert.is(block.kind, 'events', block.kind === 'undecodable' ? block.why : '');
    if (block.kind === 'events') assert.equal(block.events.map(asVector), one.events);
    for (let length = 0; length < bytes.length; length++) {
      const cut = decodeBlock(bytes.subarray(0, length), table(one.table), one.events.length);
      assert.is(cut.kind, 'undecodable', `cut to ${length}`);
    }
  });
}

for (const one of blocks.lost) {
  test(`lost: ${one.name}`, () => {
    assert.equal(decodeBlock(fromHex(one.block), null, 9), { kind: 'lost', reason: one.name });
  });
}

for (const one of blocks.undecodable) {
  test(`undecodable: ${one.name}`, () => {
    assert.is(decodeBlock(fromHex(one.block), table(one.table), one.count).kind, 'undecodable');
  });
}

test('prior and anchor', () => {
  const bytes = fromHex('82182918dc8319 03e81b0000019ab404ba7b14190190 00'.replaceAll(' ', ''));
  const block = decodeBlock(fromHex(`${toHex(bytes)}0102`), table('motes'), 1);
  assert.is(block.kind, 'events', block.kind === 'undecodable' ? block.why : '');
  if (block.kind !== 'events') return;
  assert.equal(block.prior, { boot: 41, next: 220 });
  assert.equal(block.anchor, { uptime: 1000, wallMs: 1763956800123, errorMs: 20 });
  assert.is(block.events[0]?.uptime, 400);
});

test('prior and anchor in the other order; neither twice, nor a lost range behind them', () => {
  const [prior, anchor, rest] = ['8218291863', '831903e81a0001000014', '01616e0000'];
  const decode = (hex: string) => decodeBlock(fromHex(hex), table('motes'), 1);
  const swapped = decode(anchor + prior + rest);
  assert.is(swapped.kind, 'events');
  assert.equal(swapped, decode(prior + anchor + rest));
  for (const head of [prior + prior, anchor + anchor, prior + anchor + prior, `${anchor}8100`]) {
    assert.is(decode(head + rest).kind, 'undecodable', head);
  }
});

test('a block above 1,024 bytes is undecodable', () => {
  const note = fromHex(`00646e6f746500590400${'00'.repeat(1024)}`);
  assert.is(decodeBlock(note, table('none'), 1).kind, 'undecodable');
});

for (const one of tables.cases) {
  test(`table: ${one.name}`, () => {
    const bytes = fromHex(one.bytes);
    assert.is(tableId(bytes), one.id);
    assert.is(table(one.name).streams.length, one.streams.length);
    assert.is(Buffer.from(one.id, 'hex').toString('base64url'), one.hello);
    assert.is(one.parts.join(''), one.bytes);
    const cuts = [...bytes.keys()].map((length) => decodeTable(bytes.subarray(0, length)));
    for (const cut of cuts) assert.ok(typeof cut === 'string' || cut.streams.length <= 3);
    assert.type(decodeTable(fromHex(`${one.bytes}80`)), 'string');
  });
}

test('tables that are none', () => {
  for (const bytes of [
    '617861740a', // type 10
    '6178617415', // type 21
    '63612062617402', // a space in the stream's name
    '617862c3a900', // a field that is not ASCII
    '617800', // a type without a field
    '61786174006174 00', // a field twice
    '61786178', // a stream twice
    '80', // an array
    '617861', // cut in a name
  ]) {
    assert.type(decodeTable(fromHex(bytes.replaceAll(' ', ''))), 'string', bytes);
  }
});

test.run();

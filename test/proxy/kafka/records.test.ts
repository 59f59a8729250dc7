import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode } from 'cbor-x';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlockRecord, Located, TableRecord } from '../../../proxy/journal/record.js';
import { createRecordMaker } from '../../../proxy/kafka/records.js';
import { projectFolder } from '../../kafka/jars.js';

interface Event {
  stream?: string;
  name?: string;
  uptime: number;
  values?: Record<string, unknown>;
  value?: unknown;
}
interface BlockCase {
  name: string;
  table: string;
  events: Event[];
  block: string;
}
interface TableCase {
  name: string;
  bytes: string;
  id: string;
}

const test = suite('records');
let blocks: BlockCase[] = [];
let tables: TableCase[] = [];
test.before(async () => {
  const read = async (name: string) =>
    (JSON.parse(await readFile(join(projectFolder, 'test/vectors', name), 'utf8')) as { cases: [] })
      .cases;
  blocks = await read('blocks.json');
  tables = await read('tables.json');
});

const topics = { prefix: 'hall.', routes: { alarm: 'plant.alarms' }, loss: 'hall.lost' };
const located = (record: Located['record']): Located => ({
  ...{ record, lane: 0, generation: 1, offset: 0, end: 8, check: 0 },
});
const tableRecord = ({ id, bytes }: TableCase): TableRecord => ({
  ...{ kind: 'table', device: 'press-07', id, bytes: Buffer.from(bytes, 'hex') },
});
function blockRecord(name: string, over: Partial<BlockRecord> = {}): BlockRecord {
  const found = blocks.find((one) => one.name === name);
  const table = tables.find((one) => one.name === found?.table);
  if (found === undefined || table === undefined) throw new Error(`no vector ${name}`);
  return {
    ...{ kind: 'block', device: 'press-07', boot: 9, first: 100, count: found.events.length },
    ...{
      from: 100,
      table: table.id,
      arrivalMs: 2_000_000,
      offsetMs: 1_000_000,
      lastTimeMs: 2_000_000,
    },
    ...{ quality: 'synced', bytes: Buffer.from(found.block, 'hex') },
    ...over,
  };
}
const maker = (value: 'json' | 'cbor' = 'json') =>
  createRecordMaker({ topics, value, tables: tables.map(tableRecord) });

test("nothing of a device goes to the proxy's own topics: it goes beside them", () => {
  const own = ['hall.lost', 'hall.climate'];
  const made = createRecordMaker({
    ...{ topics: { ...topics, routes: { alarm: 'hall.lost' } }, value: 'json', own },
    tables: tables.map(tableRecord),
  });
  const of = (name: string) => made.toRecords(located(blockRecord(name))).map(({ topic }) => topic);
  assert.equal([...new Set(of('one event'))], ['hall.climate.events']);
  assert.ok(of('three streams').includes('hall.lost.events'));
});

test('whatever a field is called and holds, its value is JSON', () => {
  const cbor = (...items: unknown[]) => Buffer.concat(items.map((item) => encode(item)));
  const names = ['a"b\\', 'open', 'note', 'raw', 'count', 'far'];
  const table = cbor(
    'odd',
    names[0],
    18,
    names[1],
    17,
    names[2],
    19,
    names[3],
    20,
    names[4],
    16,
    names[5],
    9,
  );
  const [infinity, yes] = [Buffer.from('f97c00', 'hex'), true];
  const declared = [cbor(0, 0), infinity, cbor(yes, 'Prüf"stand"\n', Buffer.from([0, 255]), 0, -1)];
  const absent = [cbor(0, null, null, null, null, null, null)];
  const made = createRecordMaker({
    ...{ topics, value: 'json' },
    tables: [{ kind: 'table', device: 'press-07', id: 'odd', bytes: table }],
  });
  const bytes = Buffer.concat([...declared, ...absent]);
  const record = blockRecord('one event', { table: 'odd', count: 2, bytes });
  const values = made.toRecords(located(record)).map(({ value }) => JSON.parse(String(value)));
  assert.equal(values, [
    { 'a"b\\': null, open: true, note: 'Prüf"stand"\n', raw: 'AP8=', count: 0, far: -1e-9 },
    { 'a"b\\': null, open: null, note: null, raw: null, count: null, far: null },
  ]);
});

test('an event without fields is an empty object', () => {
  const made = createRecordMaker({
    ...{ topics, value: 'json' },
    tables: [{ kind: 'table', device: 'press-07', id: 'alarm', bytes: encode('alarm') }],
  });
  const record = blockRecord('one event', { table: 'alarm', count: 1, bytes: Buffer.from([0, 0]) });
  assert.equal(
    made.toRecords(located(record)).map(({ value }) => String(value)),
    ['{}'],
  );
});

test('a record per event: topic, key, time, identity, value', () => {
  const records = maker().toRecords(located(blockRecord('three streams')));
  const found = blocks.find((one) => one.name === 'three streams');
  assert.equal(
    records.map((record) => [record.topic, record.timestampMs, record.headers['hw-id']]),
    found?.events.map((event, at) => [
      event.stream === 'alarm' ? 'plant.alarms' : `hall.${event.stream}`,
      1_000_000 + event.uptime,
      `9/${100 + at}`,
    ]),
  );
  assert.equal(JSON.parse(Buffer.from(records[0]?.value ?? []).toString()), {
    ...{ bar: 101.3, strokes: 1, open: true },
  });
  assert.equal(JSON.parse(Buffer.from(records[1]?.value ?? []).toString()), {
    ...{ rms: 0.5, axis: 'x', raw: Buffer.from('00ff', 'hex').toString('base64') },
  });
  assert.is(Buffer.from(records[0]?.key ?? []).toString(), 'press-07');
  assert.is(records[0]?.headers['hw-time'], 'synced');
});

test('scaled values print as they were declared', () => {
  const [record] = maker().toRecords(located(blockRecord('one event')));
  assert.is(Buffer.from(record?.value ?? []).toString(), '{"t":21.5,"rh":40.25}');
});

test('what was received before is not made again', () => {
  const records = maker().toRecords(located(blockRecord('steady sampling', { from: 107 })));
  assert.equal(
    records.map((record) => record.headers['hw-id']),
    ['9/107', '9/108', '9/109'],
  );
});

test('undeclared events go to the topic of their name, bare', () => {
  const records = maker().toRecords(located(blockRecord('undeclared only')));
  assert.equal(
    records.map((record) => [record.topic, Buffer.from(record.value).toString()]),
    [
      ['hall.note', '"hello"'],
      ['hall.note', '{"a":[1,-2,null,true],"b":"x"}'],
      ['hall.level', '-3'],
    ],
  );
});

test('a stream may have any name that is one, also one that every object has', () => {
  const bytes = Buffer.concat([0, 'constructor', 0, 5].map((item) => encode(item)));
  const record = blockRecord('one event', { count: 1, bytes });
  const [made] = maker().toRecords(located(record));
  assert.equal([made?.topic, String(made?.value)], ['hall.constructor', '5']);
});

test('values as CBOR', () => {
  const [record] = maker('cbor').toRecords(located(blockRecord('one event')));
  assert.equal(decode(record?.value ?? new Uint8Array()), { t: 21.5, rh: 40.25 });
});

test('a time that Kafka would refuse, or that nobody knows, is the time of arrival', () => {
  const ahead = blockRecord('one event', { offsetMs: 2_000_000 + 600_000 });
  const [first] = maker().toRecords(located(ahead));
  assert.is(first?.timestampMs, 2_000_000);
  assert.is(first?.headers['hw-time'], `unknown;claimed=${2_600_000 + 5_012}`);
  const [second] = maker().toRecords(located(blockRecord('one event', { quality: 'unknown' })));
  assert.is(second?.timestampMs, 2_000_000);
  const near = blockRecord('one event', { offsetMs: 2_000_000 + 600_000 - 5_012 });
  assert.is(maker().toRecords(located(near))[0]?.headers['hw-time'], 'synced');
});

test('tables come along with the journal, per device', () => {
  const late = createRecordMaker({ topics, value: 'json', tables: [] });
  for (const table of tables) {
    assert.equal(late.toRecords(located({ ...tableRecord(table), device: 'other' })), []);
  }
  // [J-33] Only damage can have taken its table: a loss, not a lane that stands still.
  const [loss] = late.toRecords(located(blockRecord('one event')));
  assert.equal([loss?.topic, loss?.dropped], ['hall.lost', 1]);
  for (const table of tables) late.toRecords(located(tableRecord(table)));
  assert.is(late.toRecords(located(blockRecord('one event'))).length, 1);
});

test('a lost range is one record of the loss topic', () => {
  const [record] = maker().toRecords(
    located({
      ...{ kind: 'loss', device: 'press-07', boot: 9, from: 5, to: 8 },
      ...{ reason: 'overflow', arrivalMs: 77 },
    }),
  );
  assert.is(record?.topic, 'hall.lost');
  assert.is(record?.timestampMs, 77);
  assert.equal(JSON.parse(Buffer.from(record?.value ?? []).toString()), {
    ...{ boot: 9, from: 5, to: 8, reason: 'overflow' },
  });
});

test.run();

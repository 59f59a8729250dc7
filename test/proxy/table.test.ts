import { encode } from 'cbor-x';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Tables, tableId } from '../../proxy/table.js';

const climate = Buffer.concat(['climate', 't', 2].map((item) => encode(item)));
const press = Buffer.concat(['press', 'bar', 1].map((item) => encode(item)));

const test = suite('tables');

test('devices of one firmware share one table', () => {
  const tables = new Tables();
  const first = tables.decode(tableId(climate), Buffer.from(climate));
  assert.equal(first, { streams: [{ name: 'climate', fields: [{ name: 't', type: 2 }] }] });
  assert.is(tables.decode(tableId(climate), Buffer.from(climate)), first);
});

test('what only looks like it by its id is read for itself', () => {
  const tables = new Tables();
  const bytes = Buffer.from(climate);
  const first = tables.decode('same', bytes);
  // A caller's buffer may be used again.
  bytes.set(press);
  assert.equal(tables.decode('same', press), {
    streams: [{ name: 'press', fields: [{ name: 'bar', type: 1 }] }],
  });
  assert.is(tables.decode('same', climate), first);
});

test('a table that is none is told each time', () => {
  const tables = new Tables();
  const bytes = Buffer.from([0]);
  assert.type(tables.decode(tableId(bytes), bytes), 'string');
  assert.type(tables.decode(tableId(bytes), bytes), 'string');
});

test.run();

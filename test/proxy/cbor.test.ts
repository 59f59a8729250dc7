import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CborReader } from '../../proxy/cbor.js';
import { fromHex } from './vectors.js';

const read = (hex: string) => new CborReader(fromHex(hex));

test('a whole number that no number of the engine is stays what it is', () => {
  assert.is(read('3b001fffffffffffff').value(1, 'value'), -(2 ** 53));
  assert.is(read('3b0020000000000000').value(1, 'value'), -(2n ** 53n) - 1n);
  assert.is(read('1b0020000000000000').value(1, 'value'), 2 ** 53);
  assert.is(read('1b0020000000000001').value(1, 'value'), 2n ** 53n + 1n);
});

test('an integer beyond ±2^53 is none', () => {
  assert.is(read('3b001fffffffffffff').integer('change'), -(2 ** 53));
  const reader = read('3b0020000000000000');
  assert.is(reader.integer('change'), 0);
  assert.is(reader.broken, 'change: beyond 2^53');
});

test.run();

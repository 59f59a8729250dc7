import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keepOldest } from '../../../sdk/stores/keep-oldest.js';
import { ram } from '../../../sdk/stores/ram.js';
import { appendTo } from './model.js';
import { randomRun } from './random-run.js';

// keepOldest() around ram() against an array of entries.

for (const [seed, sizeBytes] of [
  [1, 768],
  [2, 232],
  [3, 48],
  [4, 4096],
] as const) {
  test(`random operations, ${sizeBytes} bytes`, () => {
    const make = (bytes: number) => keepOldest(ram(bytes));
    randomRun({ make, policy: 'keep oldest', seed, sizeBytes, steps: 1500 });
  });
}

test('what does not fit is given up, what is held stays, and a smaller one may follow', () => {
  const store = keepOldest(ram(40));
  assert.is(appendTo(store, { first: 0, count: 3, block: Buffer.alloc(12) }), 0);
  assert.is(appendTo(store, { first: 3, count: 400, block: Buffer.alloc(13) }), 400);
  assert.is(appendTo(store, { first: 403, count: 2, block: Buffer.alloc(12) }), 0);
  assert.is(store.find(0, Infinity), 0);
  assert.is(store.find(3, Infinity), 403);
  assert.is(store.room(), 0);
});

test('an entry larger than the store is given up', () => {
  const store = keepOldest(ram(20));
  assert.is(appendTo(store, { first: 0, count: 7, block: Buffer.alloc(13) }), 7);
  assert.is(store.find(0, Infinity), Infinity);
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ram } from '../../../sdk/stores/ram.js';
import { appendTo } from './model.js';
import { randomRun } from './random-run.js';

// ram() against an array of entries.

for (const [seed, sizeBytes] of [
  [1, 768],
  [2, 232],
  [3, 48],
  [4, 16],
  [5, 4096],
  [6, 9],
] as const) {
  test(`random operations, ${sizeBytes} bytes`, () => {
    randomRun({ make: ram, policy: 'drop oldest', seed, sizeBytes, steps: 1500 });
  });
}

test('nothing in it', () => {
  const store = ram(100);
  assert.is(store.find(0, Infinity), Infinity);
  store.forget(5);
  assert.is(store.room(), 100);
});

test('filled to its last byte', () => {
  const store = ram(40);
  const block = Buffer.alloc(12, 7);
  assert.is(appendTo(store, { first: 0, count: 3, block }), 0);
  assert.is(appendTo(store, { first: 3, count: 4, block }), 0);
  assert.is(store.room(), 0);
  assert.is(appendTo(store, { first: 7, count: 5, block }), 3);
  assert.is(store.find(0, Infinity), 3);
  assert.is(appendTo(store, { first: 12, count: 1, block: Buffer.alloc(13) }), 9);
  assert.is(store.find(0, Infinity), 12);
});

test('an entry larger than the store is given up itself', () => {
  const store = ram(20);
  assert.is(appendTo(store, { first: 0, count: 2, block: Buffer.alloc(12) }), 0);
  assert.is(appendTo(store, { first: 2, count: 3, block: Buffer.alloc(13) }), 3);
  assert.is(appendTo(store, { first: 5, count: 1, block: Buffer.alloc(4) }), 2);
  assert.is(store.find(0, Infinity), 5);
});

test.run();

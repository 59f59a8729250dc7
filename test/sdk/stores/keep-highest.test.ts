import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keepHighest } from '../../../sdk/stores/keep-highest.js';
import { ram } from '../../../sdk/stores/ram.js';
import { appendTo } from './model.js';
import { randomRun } from './random-run.js';

// keepHighest() around ram() against an array of entries.

for (const [seed, sizeBytes] of [
  [1, 768],
  [2, 232],
  [3, 48],
  [4, 4096],
  [5, 16],
  [6, 1500],
] as const) {
  test(`random operations, ${sizeBytes} bytes`, () => {
    const make = (bytes: number) => keepHighest(ram(bytes));
    randomRun({ make, policy: 'keep highest', seed, sizeBytes, steps: 1500 });
  });
}

/** Entries of 20 bytes, three of which fill the store: their firsts from 0 on, each with one event more. */
function store(...priorities: number[]) {
  const made = keepHighest(ram(60));
  const dropped = priorities.map((priority, first) =>
    appendTo(made, { first, count: 1, block: Buffer.alloc(12, first), priority }),
  );
  const held = [];
  for (let seq = made.find(0, Infinity); seq < Infinity; seq = made.find(seq + 1, Infinity))
    held.push(seq);
  return { dropped, held };
}

test('the oldest of the lowest goes, wherever it lies', () => {
  assert.equal(store(1, 0, 2, 0), { dropped: [0, 0, 0, 1], held: [0, 2, 3] });
  assert.equal(store(1, 0, 0, 0), { dropped: [0, 0, 0, 1], held: [0, 2, 3] });
  assert.equal(store(0, 0, 0, 0), { dropped: [0, 0, 0, 1], held: [1, 2, 3] });
  assert.equal(store(2, 2, 2, 2), { dropped: [0, 0, 0, 1], held: [1, 2, 3] });
  assert.equal(store(2, 2, 1, 255), { dropped: [0, 0, 0, 1], held: [0, 1, 3] });
});

test('what comes goes itself where all that is held is higher', () => {
  assert.equal(store(1, 1, 1, 0), { dropped: [0, 0, 0, 1], held: [0, 1, 2] });
  assert.equal(store(2, 255, 2, 1), { dropped: [0, 0, 0, 1], held: [0, 1, 2] });
});

test('nothing is given up in vain', () => {
  const made = keepHighest(ram(60));
  appendTo(made, { first: 0, count: 1, block: Buffer.alloc(12), priority: 2 });
  appendTo(made, { first: 1, count: 1, block: Buffer.alloc(12), priority: 0 });
  // It would need the room of both.
  assert.is(appendTo(made, { first: 2, count: 9, block: Buffer.alloc(40), priority: 1 }), 9);
  assert.is(made.find(1, Infinity), 1);
  assert.is(appendTo(made, { first: 11, count: 9, block: Buffer.alloc(40), priority: 2 }), 2);
  assert.is(made.find(0, Infinity), 11);
});

test('several go for one, the lowest first', () => {
  const made = keepHighest(ram(80));
  for (const [first, priority] of [1, 0, 2, 0].entries()) {
    appendTo(made, { first, count: 1, block: Buffer.alloc(12), priority });
  }
  assert.is(appendTo(made, { first: 4, count: 1, block: Buffer.alloc(50), priority: 1 }), 3);
  assert.is(made.find(0, Infinity), 2);
  assert.is(made.find(3, Infinity), 4);
});

test('an entry larger than the store is given up', () => {
  const made = keepHighest(ram(20));
  assert.is(appendTo(made, { first: 0, count: 7, block: Buffer.alloc(13), priority: 9 }), 7);
  assert.is(made.find(0, Infinity), Infinity);
});

test.run();

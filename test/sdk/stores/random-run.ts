import * as assert from 'uvu/assert';
import { at, writeTo } from '../../../sdk/cbor.js';
import type { Store } from '../../../sdk/stores/store.js';
import { Random } from '../../random.js';
import { cbor } from '../peer.js';
import { entry, HEAD_BYTES, type Kept, modelStore, type Policy } from './model.js';

// Random operations on a store and on its model, in one process: after each step both hold the same.

export interface RandomRun {
  make(sizeBytes: number): Store;
  policy: Policy;
  seed: number;
  sizeBytes: number;
  steps: number;
}

export function randomRun({ make, policy, seed, sizeBytes, steps }: RandomRun): void {
  const random = new Random(seed);
  const store = make(sizeBytes);
  const model = modelStore(sizeBytes, policy);
  assert.is(store.kind, 'ram');
  let next = random.pick([0, 0, 0xff00_0000]);
  const buffer = new Uint8Array(1024);
  for (let step = 0; step < steps; step++) {
    if (random.next() < 0.7) {
      // Lost seqs lie between blocks.
      if (random.below(5) === 0) next += random.below(300);
      const count = 1 + random.below(300);
      const bytes = Math.min(1 + random.below(224), sizeBytes - HEAD_BYTES);
      const block = Buffer.from(Array.from({ length: bytes }, () => random.below(256)));
      const priority = policy === 'keep highest' ? random.pick([0, 0, 0, 1, 2, 255]) : 0;
      const kept: Kept = { first: next, count, block, priority };
      next += count;
      const gone = model.append(kept).reduce((sum, one) => sum + one.count, 0);
      const given = entry(kept);
      assert.is(store.append(given, count), gone, `step ${step}`);
      // A store keeps a copy.
      given.fill(0xee);
    } else {
      const from = model.kept[0]?.first ?? next;
      const seq = random.pick([from + random.below(Math.max(1, next - from)), from, next, 0]);
      model.forget(seq);
      store.forget(seq);
    }
    assert.is(store.room(), model.room(), `step ${step}`);
    check(store, model, 0, buffer);
    for (const { first, count } of model.kept) {
      check(store, model, random.pick([first, first + count - 1, first + count]), buffer);
    }
    check(store, model, next, buffer);
  }
}

function check(
  store: Store,
  model: ReturnType<typeof modelStore>,
  seq: number,
  buffer: Uint8Array,
): void {
  const expected = model.find(seq);
  assert.is(store.find(seq, Infinity), expected?.first ?? Infinity);
  if (!expected) return;
  writeTo(buffer, 0);
  assert.is(store.put(), expected.first + expected.count);
  const written = Buffer.from(buffer.subarray(0, at));
  assert.ok(written.equals(Buffer.concat([cbor(expected.count), expected.block])));
}

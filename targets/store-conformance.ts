import { at, writeTo } from '../sdk/cbor.js';
import type { Store } from '../sdk/stores/store.js';

// What a store must do, whatever its policy: for whoever writes one (docs/STORES.md). It runs on Node and throws at the first wrong answer.
// It holds the store to this: blocks come back unchanged and in order, none twice; append() says how many events were given up, and they are
// then in no block; what is forgotten is gone and nothing else is.

interface Kept {
  first: number;
  count: number;
  block: Uint8Array;
}

/** `make` answers a new, empty store. */
export function storeConformance(make: () => Store, runs = 20, steps = 200): void {
  for (let seed = 1; seed <= runs; seed++) run(make(), seed, steps);
}

function run(store: Store, seed: number, steps: number): void {
  let state = seed;
  const below = (end: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  const complain = (step: number, message: string): never => {
    throw new Error(`store-conformance, run ${seed}, step ${step}: ${message}`);
  };
  let held: Kept[] = [];
  let next = 0;
  for (let step = 0; step < steps; step++) {
    if (below(4) > 0) {
      if (below(5) === 0) next += below(9);
      const count = 1 + below(30);
      const block = Uint8Array.from({ length: 1 + below(100) }, () => below(256));
      const kept = { first: next, count, block };
      next += count;
      const entry = entryOf(kept);
      const fits = entry.length <= store.room();
      const gone = store.append(entry, count);
      entry.fill(0xee);
      held.push(kept);
      const now = listOf(store, held);
      const missing = held.filter((one) => !now.includes(one));
      const sum = missing.reduce((events, one) => events + one.count, 0);
      if (sum !== gone) complain(step, `append() answered ${gone}, and ${sum} events are gone`);
      if (fits && gone) complain(step, `${gone} events were given up, though room() was enough`);
      held = now;
    } else {
      const seq = below(next + 1);
      store.forget(seq);
      held = held.filter(({ first, count }) => first + count > seq);
    }
    const now = listOf(store, held);
    if (now.length !== held.length)
      complain(step, `${held.length} blocks, and it has ${now.length}`);
    const seq = below(next + 1);
    const expected = held.find(({ first, count }) => first + count > seq)?.first ?? Infinity;
    const found = store.find(seq, Infinity);
    if (found !== expected) complain(step, `find(${seq}) answered ${found}, not ${expected}`);
  }
}

function entryOf({ first, count, block }: Kept): Uint8Array {
  const entry = new Uint8Array(8 + block.length);
  const view = new DataView(entry.buffer);
  view.setUint16(0, entry.length);
  view.setUint32(2, first);
  view.setUint16(6, count);
  entry.set(block, 8);
  return entry;
}

/** What it holds, in its order; throws where that is none of what it was given. */
function listOf(store: Store, given: readonly Kept[]): Kept[] {
  const list: Kept[] = [];
  const out = new Uint8Array(300);
  for (let seq = 0; ; ) {
    const first = store.find(seq, Infinity);
    if (first === Infinity) return list;
    const kept = given.find((one) => one.first === first);
    if (!kept || first < seq) throw new Error(`store-conformance: find(${seq}) answered ${first}`);
    writeTo(out, 0);
    const end = store.put();
    const head = kept.count < 24 ? [kept.count] : [24, kept.count];
    const expected = Buffer.from([...head, ...kept.block]);
    if (end !== first + kept.count || !expected.equals(out.subarray(0, at))) {
      throw new Error(`store-conformance: put() of ${first} answered ${end}, or wrote other bytes`);
    }
    list.push(kept);
    seq = end;
  }
}

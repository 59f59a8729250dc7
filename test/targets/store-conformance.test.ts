import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { integer, put } from '../../sdk/cbor.js';
import { keepOldest } from '../../sdk/stores/keep-oldest.js';
import { ram } from '../../sdk/stores/ram.js';
import type { Store } from '../../sdk/stores/store.js';
import { storeConformance } from '../../targets/store-conformance.js';

/** docs/STORES.md */
const list = (most: number): Store => {
  let entries: { first: number; count: number; block: Uint8Array }[] = [];
  let found: (typeof entries)[0] | undefined;
  return {
    kind: 'ram',
    room: () => (entries.length < most ? 1024 : 0),
    append(entry, count) {
      const first = new DataView(entry.buffer, entry.byteOffset).getUint32(2);
      entries.push({ first, count, block: entry.slice(8) });
      return entries.length > most ? entries.shift()!.count : 0;
    },
    find(seq, end) {
      found = entries.find(({ first, count }) => first + count > seq);
      return found ? found.first : end;
    },
    put() {
      integer(found!.count);
      found!.block.forEach(put);
      return found!.first + found!.count;
    },
    forget(seq) {
      entries = entries.filter(({ first, count }) => first + count > seq);
    },
  };
};

test('the stores that ship, and the one of the documentation', () => {
  storeConformance(() => ram(700));
  storeConformance(() => keepOldest(ram(700)));
  storeConformance(() => list(9));
});

const wrong: Record<string, (store: Store) => Partial<Store>> = {
  'says too little': (store) => ({ append: (entry, events) => store.append(entry, events) && 1 }),
  'forgets too much': (store) => ({ forget: (seq) => store.forget(seq + 20) }),
  'forgets nothing': () => ({ forget: () => {} }),
  'puts other bytes': (store) => ({
    put() {
      const end = store.put();
      put(0);
      return end;
    },
  }),
  'promises room': () => ({ room: () => 5_000 }),
};

for (const [what, change] of Object.entries(wrong)) {
  test(`one that ${what} is found`, () => {
    const made = () => {
      const store = ram(700);
      return { ...store, ...change(store) };
    };
    assert.throws(() => storeConformance(made), /store-conformance/);
  });
}

test.run();

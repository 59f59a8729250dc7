import type { Store } from '../../../sdk/stores/store.js';

// A store as an array of entries: what ram() and keepOldest() are compared with. It is plain and slow.

export interface Kept {
  first: number;
  count: number;
  block: Buffer;
  /** 0 unless told. */
  priority?: number;
}

export const HEAD_BYTES = 8;

export function entry({ first, count, block, priority = 0 }: Kept): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(priority, 0);
  head.writeUInt8(HEAD_BYTES + block.length, 1);
  head.writeUInt32BE(first, 2);
  head.writeUInt16BE(count, 6);
  return Buffer.concat([head, block]);
}

export const appendTo = (store: Store, kept: Kept): number => store.append(entry(kept), kept.count);

export function parseEntry(bytes: Uint8Array): Kept {
  const copy = Buffer.from(bytes);
  if (copy.readUInt8(1) !== copy.length) throw new Error('an entry of another length');
  return {
    first: copy.readUInt32BE(2),
    count: copy.readUInt16BE(6),
    block: copy.subarray(HEAD_BYTES),
    priority: copy.readUInt8(0),
  };
}

export type Policy = 'drop oldest' | 'keep oldest' | 'keep highest';

export interface ModelStore {
  kept: Kept[];
  room(): number;
  /** The entries that were given up for this one, or this one. */
  append(next: Kept): Kept[];
  forget(seq: number): void;
  find(seq: number): Kept | undefined;
}

export function modelStore(sizeBytes: number, policy: Policy): ModelStore {
  const size = ({ block }: Kept) => HEAD_BYTES + block.length;
  const model: ModelStore = {
    kept: [],
    room: () => sizeBytes - model.kept.reduce((sum, one) => sum + size(one), 0),
    append(next) {
      const gone: Kept[] = [];
      if (policy === 'drop oldest' && size(next) <= sizeBytes) {
        while (model.room() < size(next)) gone.push(model.kept.shift()!);
      }
      if (policy === 'keep highest') {
        const rank = ({ priority = 0 }: Kept) => priority;
        const lower = model.kept.filter((one) => rank(one) <= rank(next));
        // Those of one priority stay in their order.
        lower.sort((one, other) => rank(one) - rank(other));
        const couldFit = lower.reduce((sum, one) => sum + size(one), model.room()) >= size(next);
        while (couldFit && model.room() < size(next)) {
          const [going] = lower.splice(0, 1);
          gone.push(going!);
          model.kept = model.kept.filter((one) => one !== going);
        }
      }
      if (model.room() < size(next)) gone.push(next);
      else model.kept.push(next);
      return gone;
    },
    forget(seq) {
      while (model.kept[0] && model.kept[0].first + model.kept[0].count <= seq) model.kept.shift();
    },
    find: (seq) => model.kept.find(({ first, count }) => first + count > seq),
  };
  return model;
}

/** A store that does what another one does, and checks each answer against the model. */
export function checked(
  store: Store,
  model: ModelStore,
  gaveUp: (gone: Kept[]) => void,
  fail: (message: string) => void,
): Store {
  return {
    ...store,
    append(bytes, events) {
      const gone = model.append(parseEntry(bytes));
      const dropped = store.append(bytes, events);
      const expected = gone.reduce((sum, { count }) => sum + count, 0);
      if (dropped !== expected) fail(`append: dropped ${dropped}, and ${expected} by the model`);
      gaveUp(gone);
      return dropped;
    },
    find(seq, end) {
      const first = store.find(seq, end);
      const expected = model.find(seq)?.first ?? end;
      if (first !== expected) fail(`find(${seq}): ${first}, and ${expected} by the model`);
      return first;
    },
    forget(seq) {
      model.forget(seq);
      store.forget(seq);
    },
  };
}

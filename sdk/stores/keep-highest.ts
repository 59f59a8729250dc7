import { ENTRY_HEAD_BYTES } from '../limits.js';
import type { RamStore } from './ram.js';
import type { Store } from './store.js';

/**
 * A drop policy, [W-52]: where the store is full, the oldest block of the lowest priority is given up; what comes
 * itself where all that is held is higher.
 *
 *   │ going │ going │ entry │ entry │ free │     what goes is brought to the front, where ram() drops it
 */
export const keepHighest = (store: RamStore): Store => {
  const bytes = store.bytes;
  const append = store.append;
  // Not a copy of the store, since some engines have no object spread.
  store.append = (entry, events) => {
    const length = bytes.length - store.room();
    let room = store.room();
    for (let at = 0; at < length; at += bytes[at + 1]!) {
      if (bytes[at]! <= entry[0]!) room += bytes[at + 1]!;
    }
    if (room < entry.length) return events;
    room = store.room();
    for (let front = 0; room + front < entry.length; ) {
      let lowest = front;
      for (let at = front; at < length; at += bytes[at + 1]!) {
        if (bytes[at]! < bytes[lowest]!) lowest = at;
      }
      const size = bytes[lowest + 1]!;
      // Of what goes only its head is read once more.
      const head = new Uint8Array(bytes.subarray(lowest, lowest + ENTRY_HEAD_BYTES));
      for (let at = lowest; at-- > front; ) bytes[at + size] = bytes[at]!;
      bytes.set(head, front);
      front += size;
    }
    return append(entry, events);
  };
  return store;
};

import { readFrom, takeBytes } from '../cbor.js';
import type { Store } from './store.js';

/** A drop policy: where the store is full, what comes is given up and what it holds stays. */
export const keepOldest = (store: Store): Store => {
  const append = store.append;
  // Not a copy of the store, since some engines have no object spread.
  store.append = (entry) => {
    if (entry.length <= store.room()) return append(entry);
    readFrom(entry, 6);
    return takeBytes(2);
  };
  return store;
};

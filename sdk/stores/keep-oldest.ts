import type { Store } from './store.js';

/** A drop policy: where the store is full, what comes is given up and what it holds stays. */
export const keepOldest = (store: Store): Store => {
  const append = store.append;
  // Not a copy of the store, since some engines have no object spread.
  store.append = (entry, events) => (entry.length <= store.room() ? append(entry, events) : events);
  return store;
};

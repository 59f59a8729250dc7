import { integer, put, readFrom, takeBytes } from '../cbor.js';
import { ENTRY_HEAD_BYTES } from '../limits.js';
import type { Store } from './store.js';

// Blocks in RAM, gone with the power. One buffer, filled from its start; what is dropped or forgotten moves the rest down:
//
//   │ entry │ entry │ entry │          free          │
//                           length                   sizeBytes

export interface RamStore extends Store {
  /** Where the entries lie. */
  readonly bytes: Uint8Array;
}

/** Drops the oldest blocks where it is full. */
export const ram = (sizeBytes: number): RamStore => {
  const bytes = new Uint8Array(sizeBytes);
  let length = 0;
  // What find() found: where the entry begins, or the end; its size, first seq and count.
  let at: number;
  let size: number;
  let first: number;
  let count: number;

  const find = (seq: number, end?: number) => {
    for (at = 0; at < length; at += size) {
      readFrom(bytes, at + 1);
      size = takeBytes(1);
      first = takeBytes(4);
      count = takeBytes(2);
      if (first + count > seq) return first;
    }
    return end!;
  };

  /** Takes away what lies before `end`. */
  const cut = (end: number) => {
    bytes.set(bytes.subarray(end));
    length -= end;
  };

  return {
    kind: 'ram',
    bytes,
    room: () => sizeBytes - length,
    append(entry, events) {
      // One that is larger than the store is given up itself.
      if (entry.length > sizeBytes) return events;
      let dropped = 0;
      while (length + entry.length > sizeBytes) {
        find(0);
        dropped += count;
        cut(size);
      }
      bytes.set(entry, length);
      length += entry.length;
      return dropped;
    },
    find,
    put() {
      integer(count);
      bytes.subarray(at + ENTRY_HEAD_BYTES, at + size).forEach(put);
      return first + count;
    },
    forget(seq) {
      find(seq);
      cut(at);
    },
  };
};

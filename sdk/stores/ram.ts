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
  let at = 0;
  let size = 0;
  let first = 0;
  let count = 0;

  const find = (seq: number) => {
    for (at = 0; at < length; at += size) {
      readFrom(bytes, at + 1);
      size = takeBytes(1);
      first = takeBytes(4);
      count = takeBytes(2);
      if (first + count > seq) return first;
    }
    return Infinity;
  };

  /** Takes away what lies before `at`. */
  const cut = () => {
    bytes.set(bytes.subarray(at, length));
    length -= at;
  };

  return {
    kind: 'ram',
    bytes,
    room: () => sizeBytes - length,
    append(entry) {
      // One that is larger than the store is given up itself.
      if (entry.length > sizeBytes) {
        readFrom(entry, 6);
        return takeBytes(2);
      }
      let dropped = 0;
      while (length + entry.length > sizeBytes) {
        find(0);
        dropped += count;
        at = size;
        cut();
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
      cut();
    },
  };
};

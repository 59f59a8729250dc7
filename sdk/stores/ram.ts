import { integer, put, readAt, readFrom, takeBytes } from '../cbor.js';
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
  // What find() found: the block's count, its first byte, the entry's end.
  let first = 0;
  let count = 0;
  let start = 0;
  let end = 0;

  const find = (seq: number) => {
    for (end = 0; end < length; ) {
      readFrom(bytes, end + 1);
      end += takeBytes(1);
      first = takeBytes(4);
      count = takeBytes(2);
      start = readAt;
      if (first + count > seq) return first;
    }
    return Infinity;
  };

  /** Takes the first entry away, which is the one that was found. */
  const remove = () => {
    bytes.set(bytes.subarray(end, length));
    length -= end;
    return count;
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
        dropped += remove();
      }
      bytes.set(entry, length);
      length += entry.length;
      return dropped;
    },
    find,
    put() {
      integer(count);
      bytes.subarray(start, end).forEach(put);
      return first + count;
    },
    forget(seq) {
      while (find(0) + count <= seq) remove();
    },
  };
};

import { at, head, item, put, readAt, readFrom, writeTo } from '../cbor.js';
import { LOST_OVERFLOW } from '../wire.js';
import type { Boot, Entry, Store } from './store.js';

// Blocks in RAM, gone with the power. One buffer, filled from its start; forgetting moves the rest down:
//
//   │ count, bytes │ count, bytes │ …            free             │ 8 bytes for a last range │
//
// An entry is its number of events and its block as CBOR; first seqs follow from the boot's lowest.
// When there is no room, the oldest entries become one range of lost events, or, with `dropNewest`, new events
// become one at the end. A range takes at most 8 bytes and grows in place.

const RANGE_BYTES_MAX = 8;
const LOST = 0x81;

/** What a store needs beside its largest block: that block's heads, a range before and a range behind it. */
export const RAM_OVERHEAD_BYTES = 3 * RANGE_BYTES_MAX;

export function ram(sizeBytes: number, dropNewest: boolean): Store {
  const bytes = new Uint8Array(sizeBytes);
  const running: Boot = { boot: null, lowest: 0, next: 0, sent: 0, high: 0, limit: 0 };
  const entry: Entry = { first: 0, count: 0, bytes, start: 0, end: 0 };
  let length = 0;

  /** Reads the entry at a position. */
  const open = (position: number) => {
    readFrom(bytes, position, length);
    entry.count = item();
    const size = item();
    entry.start = readAt;
    entry.end = readAt + size;
  };

  const isLost = () => bytes[entry.start] === LOST;

  /** Where the entry that holds `seq` begins, or the end. */
  const find = (seq: number): number => {
    let position = 0;
    entry.first = running.lowest;
    while (position < length) {
      open(position);
      if (entry.first + entry.count > seq) break;
      entry.first += entry.count;
      position = entry.end;
    }
    return position;
  };

  const putRange = (position: number, count: number, reason: number) => {
    writeTo(bytes, position);
    head(0, count);
    put(0x42);
    put(LOST);
    put(reason);
  };

  /** Puts what lies from `from` on to `to`. */
  const moveDown = (to: number, from: number) => {
    bytes.copyWithin(to, from, length);
    length -= from - to;
  };

  const store: Store = {
    kind: 'ram',
    flags: 0,
    boots: [running],
    dropped: 0,

    room: () => (dropNewest ? sizeBytes - length - 2 * RANGE_BYTES_MAX : sizeBytes),

    append(count, block, size) {
      while (length + size + 2 * RANGE_BYTES_MAX > sizeBytes) {
        // The oldest entry becomes a range; where it is one, the entry behind it goes too.
        open(0);
        let lost = 0;
        if (isLost() && entry.end < length) {
          lost = entry.count;
          open(entry.end);
        }
        if (!isLost()) store.dropped += entry.count;
        putRange(0, lost + entry.count, LOST_OVERFLOW);
        moveDown(at, entry.end);
      }
      writeTo(bytes, length);
      head(0, count);
      head(64, size);
      for (let index = 0; index < size; ) put(block[index++]!);
      length = at;
    },

    lose(reason) {
      let last = length;
      let count = 0;
      for (let position = 0; position < length; position = entry.end) {
        open(position);
        last = position;
      }
      if (last < length && isLost()) {
        if (reason === bytes[entry.start + 1]) count = entry.count;
        else if (length + RANGE_BYTES_MAX > sizeBytes) {
          count = entry.count;
          reason = LOST_OVERFLOW;
        }
      }
      putRange(count ? last : length, count + 1, reason);
      length = at;
    },

    read: (_boot, seq) => (find(seq) < length ? entry : undefined),

    forget(boot, seq) {
      const position = find(seq);
      boot.lowest = entry.first;
      moveDown(0, position);
    },
  };
  return store;
}

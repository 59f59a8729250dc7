import { seal, sendThrough } from './block.js';
import { buffer } from './options.js';
import type { Stream } from './stream.js';

// [W-52] A block holds events of one priority: one of another seals it. The first byte of its entry tells the store, which gives up
// the lowest first where it has that policy. On the wire a priority is nothing, and order stays that of the seqs.

/** By a stream's place in the table. */
let priorities: Record<number, number> | undefined;

/** Gives a stream a priority, from 0, as all have unless told, to 255, which is given up last. Returns the stream. */
export const priority = <Fields>(stream: Stream<Fields>, level: number): Stream<Fields> => {
  if (!priorities) {
    priorities = {};
    sendThrough((earlier) => (subject, value, write) => {
      const wanted = (subject && priorities![(subject as unknown as Stream).index]) || 0;
      if (wanted !== buffer[0]) {
        seal();
        buffer[0] = wanted;
      }
      return earlier(subject, value, write);
    });
  }
  priorities[stream.index] = level & 255;
  return stream;
};

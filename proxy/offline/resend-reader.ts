// journal → the lane of resends: what Kafka has, as that lane reads it. The journal may let go of what is being sent, since room for events goes
// first; there the lane's work ends, and it begins anew with what is left.

import { JournalError } from '../journal/error.js';
import type { JournalReader } from '../journal/reader.js';
import type { Located, Position } from '../journal/record.js';
import type { LaneReader } from '../kafka/lane.js';
import { resendLane } from './resend-sink.js';
import { isCommitted } from './selection.js';

export interface ResendReaderOptions {
  reader: JournalReader;
  confirmed: ReadonlyMap<number, Position>;
  /** End of the last record that is to be sent. */
  lastEnd: number;
  /** What was to be read now is gone; whoever reads must stop. */
  onGone(): void;
}

const nobody = -1;

/** Under the lane of resends; what Kafka has not, and the tables' lanes, are nobody's. For one lane. */
export function resendReader(options: ResendReaderOptions): LaneReader {
  const { reader, confirmed, lastEnd, onGone } = options;
  let isBegun = false;
  const ofLane = (one: Located): Located => {
    const isOurs = one.record.kind === 'table' || isCommitted(one, confirmed);
    return { ...one, lane: isOurs ? resendLane : nobody };
  };
  return {
    begin: () => reader.begin(),
    async read(from, until, bytesMax) {
      try {
        // Only the first read may pass over what is gone: later ones stand behind records that a batch in the making has.
        const begin = isBegun ? from : Math.max(from, await reader.begin());
        isBegun = true;
        if (begin > from && begin >= lastEnd) throw new JournalError('gone', 'nothing is left');
        if (begin >= until) return { located: [], next: until };
        const { located, next } = await reader.read(begin, until, bytesMax);
        return { located: located.map(ofLane), next };
      } catch (error) {
        if (error instanceof JournalError && error.kind === 'gone') onGone();
        throw error;
      }
    },
    async at(offset) {
      const located = await reader.at(offset);
      return located === null ? null : ofLane(located);
    },
    // What is gone can't be compared with the place that names it: taken for the same, since the place names the journal.
    isDamagedAt: async (position) =>
      position.offset < (await reader.begin()) || reader.isDamagedAt(position),
  };
}

import type { Position } from '../journal/record.js';
import type { KafkaSink } from '../kafka/sink.js';

// A sink for resends on the sink of a lane that no proxy uses: one transactional id for all resends of a site, so that two at once fence one
// another, and in its one position the places of the last resends by their names, so that each goes on where it was.

/** Of the position topic's partitions at its creation the last; a lane's transaction left open there holds no proxy's start. */
export const resendLane = 15;
const namesMax = 100;

type Marks = Position & { resends?: Record<string, Position> };

export function resendSink(sink: KafkaSink, id: string): KafkaSink {
  let marks: Record<string, Position> = {};
  return {
    async read() {
      const { claim, position } = await sink.read();
      marks = (position as Marks | null)?.resends ?? {};
      return { claim, position: marks[id] ?? null };
    },
    fence: (claim) => sink.fence(claim),
    transaction(records, position, apart) {
      const { [id]: _own, ...others } = marks;
      const kept = Object.entries(others).slice(-(namesMax - 1));
      marks = { ...Object.fromEntries(kept), [id]: position };
      const marked: Marks = { ...position, resends: marks };
      return sink.transaction(records, marked, apart);
    },
    checkTopics: (topics) => sink.checkTopics(topics),
    close: () => sink.close(),
  };
}

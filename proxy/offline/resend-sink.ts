import { ConfigError } from '../config-file.js';
import type { Position } from '../journal/record.js';
import type { KafkaSink } from '../kafka/sink.js';
import { nameOf, type Selection, selectionText } from './selection.js';

// A sink for resends on the sink of a lane that no proxy uses: one transactional id for all resends of a site, so that two at once fence one
// another, and in its one position the places of the last resends by their names, so that each goes on where it was. A name stands for one
// selection of one journal: another one under it is refused, since the place says nothing of what that has sent.

/** Of the position topic's partitions at its creation the last; a lane's transaction left open there holds no proxy's start. */
export const resendLane = 15;
const namesMax = 100;

type Mark = Position & { of: Selection };
type Marks = Position & { resends?: Record<string, Mark> };

export interface ResendName {
  id: string;
  journal: string;
  selection: Selection;
  /** The name is another resend's: what `read` throws then, and no other try mends. */
  onMistake(error: ConfigError): void;
}

export function resendSink(sink: KafkaSink, name: ResendName): KafkaSink {
  const { id, selection } = name;
  let marks: Record<string, Mark> = {};
  return {
    async read() {
      const { claim, position } = await sink.read();
      marks = (position as Marks | null)?.resends ?? {};
      const mark = marks[id];
      return { claim, position: mark === undefined ? null : placeOf(mark, name) };
    },
    fence: (claim) => sink.fence(claim),
    transaction(records, position, apart) {
      const { [id]: _own, ...others } = marks;
      const kept = Object.entries(others).slice(-(namesMax - 1));
      marks = { ...Object.fromEntries(kept), [id]: { ...position, of: selection } };
      const marked: Marks = { ...position, resends: marks };
      return sink.transaction(records, marked, apart);
    },
    checkTopics: (topics) => sink.checkTopics(topics),
    close: () => sink.close(),
  };
}

function placeOf(
  { of, ...place }: Mark,
  { id, journal, selection, onMistake }: ResendName,
): Position {
  if (place.journal === journal && nameOf(journal, of) === nameOf(journal, selection)) return place;
  const isOurs = place.journal === journal;
  const what = isOurs ? selectionText(of) : `of another journal, ${place.journal}`;
  const error = new ConfigError(`resend ${id} is ${what}: give this one another --id`);
  onMistake(error);
  throw error;
}

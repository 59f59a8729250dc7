// Where a lane begins, or why it must not: KAFKA.md [K-22] as one pure function. It is asked twice
// at each start, before the fence and after it.

import type { Located, Position } from '../journal/record.js';

export interface Evidence {
  /** This journal's id. */
  journal: string;
  /** Offset of the first record that the journal still holds. */
  begin: number;
  /** The last position of this lane that the journal saw confirmed. */
  confirmed: Position | null;
  /** The position that Kafka holds. */
  kafka: Position | null;
  /** What the journal holds at the offset that Kafka's position names. */
  named: Located | null;
  /** [J-33] It holds just that record, and can't read it. */
  isDamaged?: boolean;
  /** [K-43] */
  isByKafka?: boolean;
}

export type Decision =
  | { kind: 'first-start' | 'restart'; from: number }
  /** Kafka forgot what it had confirmed: go on from the journal's own position, and say so. */
  | { kind: 'kafka-lost'; from: number; message: string }
  /** The journal before was lost or left behind, and had acknowledged only what Kafka has. */
  | { kind: 'successor'; from: number; message: string }
  | { kind: 'refuse'; why: 'foreign-journal' | 'other-record'; message: string };

export function decide(evidence: Evidence): Decision {
  const { kafka, confirmed, begin, named } = evidence;
  if (kafka === null) {
    if (confirmed === null) return { kind: 'first-start', from: begin };
    return kafkaLost(confirmed, 'has no position of this lane any more');
  }
  if (kafka.journal !== evidence.journal) {
    const isNew = confirmed === null && evidence.isByKafka === true;
    return isNew ? successor(evidence, kafka) : foreignJournal(evidence.journal, kafka);
  }
  if (confirmed !== null && samePosition(kafka, confirmed)) {
    return { kind: 'restart', from: kafka.end };
  }
  const behind = confirmed !== null && kafka.end <= confirmed.end;
  const isThere = named === null ? evidence.isDamaged === true : isNamedBy(named, kafka);
  const held = isThere || namesNone(kafka);
  if (held && !behind) return { kind: 'restart', from: kafka.end };
  if (behind && (held || kafka.offset < begin)) {
    return kafkaLost(confirmed, `is back at ${kafka.end}`);
  }
  return otherRecord(kafka, named);
}

/** [K-25] Where an adopted journal begins of which nothing was confirmed: no segment has generation 0. */
export function startOf(journal: string, lane: number, begin: number): Position {
  return { lane, journal, generation: 0, offset: begin, end: begin, check: 0 };
}

const namesNone = ({ generation }: Position) => generation === 0;

/** Whether the record is the one that the position names. */
export function isNamedBy(located: Located, position: Position): boolean {
  return (
    located.offset === position.offset &&
    located.end === position.end &&
    located.generation === position.generation &&
    located.check === position.check
  );
}

function samePosition(a: Position, b: Position): boolean {
  return (
    a.journal === b.journal &&
    a.generation === b.generation &&
    a.offset === b.offset &&
    a.end === b.end &&
    a.check === b.check
  );
}

function kafkaLost(confirmed: Position, found: string): Decision {
  const message =
    `Kafka ${found}, and had confirmed up to ${confirmed.end}: it lost data or was replaced; ` +
    `going on from ${confirmed.end}`;
  return { kind: 'kafka-lost', from: confirmed.end, message };
}

function successor({ journal, begin }: Evidence, kafka: Position): Decision {
  const message =
    `Kafka's position of lane ${kafka.lane} is of journal ${kafka.journal}, and this one, ${journal}, is new: it goes on in its ` +
    'place, since with `ack: kafka` all that was acknowledged is in Kafka. What Kafka has and no device heard of may come again';
  return { kind: 'successor', from: begin, message };
}

const orAdopt =
  'where that is gone, `headwater journal adopt` says what going on with this one costs';

function foreignJournal(journal: string, kafka: Position): Decision {
  const message =
    `Kafka's position of lane ${kafka.lane} is of journal ${kafka.journal}, and this one is ` +
    `${journal}: the journal was wiped, or another proxy uses this site's name. ` +
    `Give this proxy another \`site\`, or put its journal back; ${orAdopt}`;
  return { kind: 'refuse', why: 'foreign-journal', message };
}

function otherRecord(kafka: Position, named: Located | null): Decision {
  const found = named === null ? 'no record' : 'another record';
  const message =
    `Kafka's position of lane ${kafka.lane} names a record at ${kafka.offset}, where this ` +
    `journal has ${found}: it is a copy, or an older one put back. ` +
    `Start the proxy on the newest copy of its journal; ${orAdopt}`;
  return { kind: 'refuse', why: 'other-record', message };
}

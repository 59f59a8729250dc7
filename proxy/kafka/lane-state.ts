// The lane's states, literally: a state, an event, one table, no empty cell. lane.ts drives it.
// KAFKA.md [K-20], [K-24], [K-31] to [K-35]

import type { SinkErrorKind } from './sink.js';

export type LaneStateName =
  | 'starting' // read, decide, fence, claim, read, decide
  | 'flowing' // one transaction after the other
  | 'held' // a topic is missing or forbidden; looks again every second
  | 'waiting' // backing off before the next start
  | 'claims' // an epoch error: reading whose lane it is now
  // the end:
  | 'refused'
  | 'fenced'
  | 'stopped';

export type LaneInput =
  | 'started'
  | 'refuse'
  | 'retry' // the wait is over
  | 'topics-good'
  | 'topics-bad'
  | 'claim-ours'
  | 'claim-foreign'
  | 'stop'
  | `failed-${SinkErrorKind}`;

export const laneStates: readonly LaneStateName[] = [
  'starting',
  'flowing',
  'held',
  'waiting',
  'claims',
  'refused',
  'fenced',
  'stopped',
];

type Row = Readonly<Record<LaneInput, LaneStateName>>;

/** What any failed call means in a state in which a sink is used. */
const failures = {
  'failed-unreachable': 'waiting',
  'failed-unanswered': 'waiting',
  'failed-epoch': 'claims',
  'failed-topic-missing': 'waiting',
  'failed-topic-forbidden': 'waiting',
  'failed-refused': 'waiting',
  'failed-misconfigured': 'waiting',
} as const;

const table: Readonly<Record<LaneStateName, Row>> = {
  starting: {
    ...row('starting'),
    ...failures,
    started: 'flowing',
    refuse: 'refused',
    'claim-foreign': 'fenced',
  },
  // Refused: what the journal must hold is not there any more.
  flowing: { ...row('flowing'), ...failures, 'topics-bad': 'held', refuse: 'refused' },
  held: { ...row('held'), ...failures, 'topics-good': 'flowing', refuse: 'refused' },
  waiting: { ...row('waiting'), retry: 'starting' },
  // Unreachable is no answer: a start that doesn't know would fence the rightful owner.
  claims: { ...row('claims'), 'claim-ours': 'waiting', 'claim-foreign': 'fenced' },
  refused: { ...row('refused'), stop: 'refused' },
  fenced: { ...row('fenced'), stop: 'fenced' },
  stopped: row('stopped'),
};

export function step(state: LaneStateName, input: LaneInput): LaneStateName {
  return table[state][input];
}

export function isEnd(state: LaneStateName): state is 'refused' | 'fenced' | 'stopped' {
  return state === 'refused' || state === 'fenced' || state === 'stopped';
}

/** Stays where it is, whatever comes, until it is stopped. */
function row(state: LaneStateName): Row {
  return {
    started: state,
    refuse: state,
    retry: state,
    'topics-good': state,
    'topics-bad': state,
    'claim-ours': state,
    'claim-foreign': state,
    stop: 'stopped',
    'failed-unreachable': state,
    'failed-unanswered': state,
    'failed-epoch': state,
    'failed-topic-missing': state,
    'failed-topic-forbidden': state,
    'failed-refused': state,
    'failed-misconfigured': state,
  };
}

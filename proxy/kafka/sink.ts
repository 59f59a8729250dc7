// batch → kafka ⇒ commit: the port behind which a Kafka client lives. One sink serves one lane.
// KAFKA.md says why each step is there; the same conformance suite runs against every sink.

import type { Position } from '../journal/record.js';

export interface SinkRecord {
  topic: string;
  key: Uint8Array;
  value: Uint8Array;
  /** Event time, ms since 1970. */
  timestampMs: number;
  headers: Record<string, string>;
  /** Events of the journal that this record says are lost: it stands for none itself. */
  dropped?: number;
}

/** Who owns a lane, in the position topic under the key `claim/<lane>`. */
export interface Claim {
  lane: number;
  /** Random per start of a lane, 32 hex digits. */
  owner: string;
  /** Where there are several: the same in all of a proxy's claims, random per start of it ([K-31]). */
  proxy?: string;
  /** Journal id, 32 hex digits. */
  journal: string;
  /** For people: host name and pid. */
  host: string;
}

export interface LaneState {
  position: Position | null;
  claim: Claim | null;
}

/** Why a sink's call failed: what the lane does next depends on this alone. */
export type SinkErrorKind =
  | 'unreachable' // broker away, time-out, coordinator loading: start the lane again, later
  | 'unanswered' // a send or commit that failed or went unanswered: start the lane again, now
  | 'epoch' // fenced or own time-out: read the claims, then decide
  | 'topic-missing'
  | 'topic-forbidden'
  | 'refused' // the broker refuses a record's content
  | 'misconfigured'; // what a person must mend: position topic's settings, authorisation of the id

export class SinkError extends Error {
  override name = 'SinkError';
  readonly kind: SinkErrorKind;
  readonly topic: string | undefined;
  /** Which of the records was refused, where they were sent apart. */
  readonly record: number | undefined;
  constructor(
    kind: SinkErrorKind,
    message: string,
    options: { cause?: unknown; topic?: string; record?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.topic = options.topic;
    this.record = options.record;
  }
}

/** After an error from `fence` or `transaction` a sink is dead: close it, make a new one. */
export interface KafkaSink {
  /**
   * The lane's position and claim as the read_uncommitted end of the position topic shows them,
   * with the last stable offset there too. Initialises nothing. Creates the position topic where
   * it is missing and checks its settings.
   */
  read(): Promise<LaneState>;
  /** Initialises the transactional id (fencing whoever had it) and commits the claim. */
  fence(claim: Claim): Promise<void>;
  /**
   * One transaction: all records and the position, or nothing; with delivery at-least-once the records, then the position. One at a time. `apart`: each record in a request of its own,
   * so that an error of kind refused says which one it was.
   */
  transaction(records: readonly SinkRecord[], position: Position, apart?: boolean): Promise<void>;
  /** Throws topic-missing or topic-forbidden for the first of the topics that can't be written. */
  checkTopics(topics: readonly string[]): Promise<void>;
  /** Never throws and never hangs. */
  close(): Promise<void>;
}

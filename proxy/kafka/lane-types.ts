// What a lane is given, says and answers: the contract between lane.ts and the thread it runs in.

import type { Clock } from '../clock.js';
import type { Config, KafkaConfig } from '../config.js';
import type { Damage } from '../journal/damage.js';
import type { Dropped, Located, Position, TableRecord } from '../journal/record.js';
import type { LaneReader } from './feed.js';
import type { LaneStateName } from './lane-state.js';
import type { Claim, KafkaSink, SinkRecord } from './sink.js';

/** What the proxy gives a lane, whatever it runs in. */
export interface LaneStart {
  site: string;
  lane: number;
  /** In all claims of this proxy, where there are several lanes ([K-31]). */
  proxy?: string | undefined;
  /** Its records are read by the lane itself. */
  journalFolder: string;
  /** Under which Kafka knows it. */
  journalId: string;
  /** What begins below it may be in Kafka already: the journal was adopted. 0. */
  repeatsUntil?: number;
  /** Kafka has all of the journal below it ([K-5]). */
  begin: number;
  /** Of the journal: an idle lane then moves its position. */
  passedBytesMax: number;
  /** The last position of this lane that the journal saw confirmed. */
  confirmed: Position | null;
  /** All tables that are durable now; asked at each start of a thread. */
  tables(): TableRecord[];
  kafka: KafkaConfig;
  delivery: Config['delivery'];
  ack: Config['ack'];
  /** For people, in the claim: host name and pid. */
  host: string;
  /** kafkajs's own lines too, at level debug. */
  debug?: boolean;
  clock: Clock;
  on(event: LaneEvent): void;
}

export interface LaneOptions {
  lane: number;
  journalId: string;
  /** For people, in the claim: host name and pid. */
  host: string;
  openSink(): KafkaSink;
  /** [K-31] Where there are several lanes: in all claims of this proxy, random per start of it, 32 hex digits. */
  proxy?: string | undefined;
  /** Of those behind the first: reads the first one's claim, initialising nothing; rejects with a SinkError. */
  firstClaim?: (() => Promise<Claim | null>) | undefined;
  reader: LaneReader;
  /** Kafka has all of the journal below it: since then there are so many lanes ([K-5]). 0. */
  begin?: number;
  /** The last position of this lane that the journal saw confirmed. */
  confirmed: Position | null;
  /** [K-43] `ack: kafka`: all that was acknowledged is in Kafka, whatever became of the journal that took it. */
  isByKafka?: boolean;
  clock: Clock;
  /** Empty for what gives no Kafka records. */
  toRecords(located: Located): SinkRecord[];
  dead: DeadLetters;
  limits: LaneLimits;
  on(event: LaneEvent): void;
}

/** Where records go that can't go where they are to go: KAFKA.md [K-32], [K-33], [K-37]. */
export interface DeadLetters {
  topic: string;
  /** How long a missing or forbidden topic holds the lane before its records become letters. */
  topicGraceMs: number;
  /** Keeps a value of which the letter has the beginning only; it is on the disk before the letter goes. */
  keep(sha256: string, value: Uint8Array): Promise<void>;
}

export interface LaneLimits {
  /** Kafka records in a transaction. */
  recordsMax: number;
  bytesMax?: number;
  lingerMs: number;
  /** The most that a backlog is drained at; absent: as fast as it goes. */
  eventsPerSecond?: number | undefined;
  /** An idle lane moves its position when it has passed so much of the journal: 1 MiB, and never more. */
  passedBytesMax?: number;
  /** The first wait after a failure; doubles up to a second. */
  retryBackoffMs: number;
}

export type LaneEnd = 'refused' | 'fenced' | 'stopped';

export type LaneEvent =
  | { kind: 'state'; state: LaneStateName }
  | {
      kind: 'committed';
      position: Position;
      committed: [device: string, events: number][];
      /** Events that damage took from the journal, said to be lost in the same transaction. */
      dropped: Dropped[];
      /** Kafka records, dead letters and losses included. */
      records: number;
      /** Found in Kafka at a start, not committed now. */
      recovered: boolean;
    }
  | { kind: 'damage'; damage: Damage }
  | { kind: 'line'; level: 'debug' | 'info' | 'warn' | 'error'; text: string }
  | { kind: 'count'; what: 'restarts' | 'kafka-lost' }
  | { kind: 'dead-letters'; records: number };

export interface Lane {
  readonly state: LaneStateName;
  /** Everything below `end` is durable in the journal. */
  syncedEnd(end: number): void;
  /** Lets the transaction in flight end, and closes. */
  stop(): Promise<void>;
  readonly done: Promise<LaneEnd>;
}

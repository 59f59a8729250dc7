// What the conformance suite needs around a sink: the same suite runs against Kafka (real-world.ts)
// and against a model of it.

import type { SinkOptions } from '../../proxy/kafka/client-sink.js';
import type { KafkaSink } from '../../proxy/kafka/sink.js';

/** On kafkajs or another client. */
export type CreateSink = (options: SinkOptions) => KafkaSink;

export interface Committed {
  key: string;
  value: string;
  partition: number;
  timestampMs: number;
  headers: Record<string, string>;
}

export type Step = 'produce' | 'endTxn';

export interface World {
  /** A site of its own, on which nothing was written yet. */
  freshSite(): Site;
  close(): Promise<void>;
}

export interface SinkTimes {
  transactionTimeoutMs?: number;
  requestTimeoutMs?: number;
  deadlineMs?: number;
}

export interface Site {
  openSink(options?: SinkTimes): KafkaSink;
  /** A topic of this site, made with that many partitions. */
  createTopic(name: string, partitions: number): Promise<void>;
  topicOf(name: string): string;
  /** Another writer's transaction, open on the lane's partition of the position topic. */
  openForeignTransaction(): Promise<{ commit(): Promise<void> }>;
  /** What a read_committed consumer sees, in the order of each partition. */
  committed(name: string): Promise<Committed[]>;
  /** The next such requests of any sink are carried out, and their answers lost. */
  loseAnswers(step: Step, count: number): void;
  /** The next such requests never arrive. */
  loseRequests(step: Step, count: number): void;
  /** The next such request waits on its way until it is released. */
  hold(step: Step): { held: Promise<void>; release(): void };
  /** Nothing is answered any more, and nothing is refused. */
  blackHole(yes: boolean): void;
  /** Waits until Kafka has aborted transactions that are past their time-out. */
  pastTimeout(timeoutMs: number): Promise<void>;
  sleep(ms: number): Promise<void>;
}

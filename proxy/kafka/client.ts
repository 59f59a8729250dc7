// client-sink → client: what the sink needs of a Kafka client, kafkajs or another. The sink decides, a client carries out.
// A client tries nothing a second time of what has reached Kafka, or may have ([K-30]); after `end` all that it waits for has failed.

import type { Broker } from './broker.js';
import type { CompressionOf } from './compression.js';
import type { SinkRecord } from './sink.js';

export interface KafkaClient<Message extends SentMessage> {
  /** One that creates topics; connects where that was not done yet, and says what a person must mend before it can be used. */
  controller(): Promise<Broker>;
  broker(nodeId: number): Promise<Broker>;
  /** Asked anew; throws what Kafka says of the topic. */
  leader(topic: string, partition: number): Promise<Broker>;
  message(record: SinkRecord, partition: number): Message;
  /** Connects to nobody. */
  producer(options: ProducerOptions): Producer<Message>;
  /** Ends all connections at once, whatever is on its way. */
  end(): void;
}

export interface SentMessage {
  partition?: number | undefined;
}

export interface ProducerOptions {
  /** null: idempotent, without transactions. */
  transactionalId: string | null;
  transactionTimeoutMs: number;
  requestTimeoutMs: number;
  compression: CompressionOf;
}

export interface Producer<Message> extends Sender<Message> {
  connect(): Promise<void>;
  /** The first one fences whoever had the transactional id. */
  begin(): Promise<Transaction<Message>>;
}

export interface Transaction<Message> extends Sender<Message> {
  commit(): Promise<void>;
}

export interface Sender<Message> {
  /** In one request to each broker, acknowledged by all in-sync replicas: every message of it, or an error. */
  send(part: Part<Message>): Promise<readonly Written[]>;
}

export type Part<Message> = readonly { topic: string; messages: Message[] }[];

/** The first record of a partition. */
export interface Written {
  topic: string;
  partition: number;
  baseOffset: bigint;
}

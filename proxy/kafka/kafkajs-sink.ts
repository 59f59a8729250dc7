// lane → sink ⇒ commit, on kafkajs: the one file that makes a kafkajs client. KAFKA.md says why each
// step is as it is; kafkajs-internals.ts mends what kafkajs leaves open.
// Guarantees: every call settles within its bound; after an error from `fence` or `transaction`
// nothing is ever sent through this sink again; `close` takes no time.

import {
  Kafka,
  type KafkaConfig,
  logLevel,
  type Message,
  type Producer,
  type SASLOptions,
} from 'kafkajs';
import type { Position } from '../journal/record.js';
import { kafkaErrorType, type Phase, sinkError } from './kafkajs-errors.js';
import { type Broker, type Cluster, createSockets, openCluster } from './kafkajs-internals.js';
import { partitionOf } from './partition.js';
import { readLaneState } from './position-read.js';
import { claimKey, ensurePositionTopic, positionKey, positionTopicOf } from './position-topic.js';
import { type Claim, type KafkaSink, type LaneState, SinkError, type SinkRecord } from './sink.js';

export interface KafkajsSinkOptions {
  site: string;
  lane: number;
  brokers: string[];
  ssl?: KafkaConfig['ssl'];
  sasl?: {
    mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    username: string;
    password: string;
  };
  /** kafkajs's own lines, for debugging. */
  log?: (text: string) => void;
  requestTimeoutMs?: number;
  /** After it Kafka aborts an open transaction by itself. */
  transactionTimeoutMs?: number;
  /** The longest a fence or a transaction may take before it counts as unanswered. */
  deadlineMs?: number;
}

export const transactionalIdOf = (site: string, lane: number): string =>
  `headwater-${site}-${lane}`;

const youngTopic = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);
const topicsKnownForMs = 300_000;

export function createKafkajsSink(options: KafkajsSinkOptions): KafkaSink {
  return new KafkajsSink(options);
}

class KafkajsSink implements KafkaSink {
  readonly #options: KafkajsSinkOptions;
  readonly #lane: number;
  readonly #topic: string;
  readonly #bootstrap: string;
  readonly #sockets = createSockets();
  readonly #kafka: Kafka;
  readonly #cluster: Cluster;
  readonly #deadlineMs: number;
  readonly #requestTimeoutMs: number;
  #connected = false;
  #producer: Producer | null = null;
  /** Why nothing may be sent any more; null while all is well. */
  #dead: SinkError | null = null;
  #busy = false;
  readonly #aborts = new Set<(error: SinkError) => void>();
  readonly #partitionCounts = new Map<string, { count: number; untilMs: number }>();

  constructor(options: KafkajsSinkOptions) {
    this.#options = options;
    this.#lane = options.lane;
    this.#topic = positionTopicOf(options.site);
    this.#bootstrap = options.brokers.join(',');
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 5000;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    const config = this.#config();
    this.#kafka = new Kafka(config);
    this.#cluster = openCluster(this.#kafka, config);
  }

  read(): Promise<LaneState> {
    return this.#bounded('read', async () => {
      let created = false;
      for (;;) {
        try {
          const broker = await this.#anyBroker();
          const where = { topic: this.#topic, lane: this.#lane, bootstrap: this.#bootstrap };
          if ((await ensurePositionTopic(broker, where)) === 'created') created = true;
          const leader = await this.#leader();
          const at = { leader, topic: this.#topic, lane: this.#lane };
          return await readLaneState(at, this.#producer !== null);
        } catch (error) {
          // A young topic has no leaders for a moment; the deadline bounds it.
          if (!created || !youngTopic.has(kafkaErrorType(error) ?? '') || this.#dead) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    });
  }

  fence(claim: Claim): Promise<void> {
    return this.#sending('fence', async () => {
      this.#producer = this.#kafka.producer({
        transactionalId: transactionalIdOf(this.#options.site, this.#lane),
        transactionTimeout: this.#options.transactionTimeoutMs ?? 15_000,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        // Every message says its partition.
        createPartitioner: () => () => 0,
      });
      await this.#producer.connect();
      const message = this.#ownMessage(claimKey(this.#lane), claim);
      await this.#commit(new Map([[this.#topic, [message]]]));
    });
  }

  transaction(records: readonly SinkRecord[], position: Position): Promise<void> {
    return this.#sending('transaction', async () => {
      const messages = new Map<string, Message[]>();
      for (const record of records) {
        const list = messages.get(record.topic);
        if (list === undefined) messages.set(record.topic, [await this.#message(record)]);
        else list.push(await this.#message(record));
      }
      messages.set(this.#topic, [this.#ownMessage(positionKey(this.#lane), position)]);
      await this.#commit(messages);
    });
  }

  checkTopics(topics: readonly string[]): Promise<void> {
    return this.#bounded('read', async () => {
      for (const topic of topics) await this.#partitionCount(topic);
    });
  }

  async close(): Promise<void> {
    const closed = new SinkError('unreachable', 'this sink was closed');
    this.#dead ??= closed;
    for (const abort of this.#aborts) abort(closed);
    this.#sockets.end();
  }

  #config(): KafkaConfig {
    const { brokers, ssl, sasl, lane, log } = this.#options;
    return {
      clientId: `headwater-lane-${lane}`,
      brokers,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
      connectionTimeout: 1000,
      authenticationTimeout: 5000,
      requestTimeout: this.#requestTimeoutMs,
      // 5 ms: what CONCURRENT_TRANSACTIONS right after a commit costs. 20 tries take about 4 s.
      retry: {
        initialRetryTime: 5,
        factor: 0.2,
        multiplier: 1.3,
        maxRetryTime: 500,
        retries: 20,
      },
      socketFactory: this.#sockets.factory,
      logLevel: logLevel.INFO,
      logCreator: () => {
        return ({ namespace, log: entry }) => log?.(`${namespace}: ${entry.message}`);
      },
    };
  }

  async #commit(messages: Map<string, Message[]>): Promise<void> {
    if (this.#producer === null) throw new Error('a transaction before the fence');
    const transaction = await this.#producer.transaction();
    await transaction.sendBatch({
      acks: -1,
      timeout: this.#requestTimeoutMs,
      topicMessages: [...messages].map(([topic, list]) => ({ topic, messages: list })),
    });
    await transaction.commit();
  }

  async #message(record: SinkRecord): Promise<Message> {
    const known = this.#partitionCounts.get(record.topic);
    const count = known?.count ?? (await this.#partitionCount(record.topic));
    return {
      key: bufferOf(record.key),
      value: bufferOf(record.value),
      partition: partitionOf(record.key, count),
      timestamp: String(Math.trunc(record.timestampMs)),
      headers: record.headers,
    };
  }

  #ownMessage(key: string, value: Position | Claim): Message {
    return { key, value: JSON.stringify(value), partition: this.#lane };
  }

  async #anyBroker(): Promise<Broker> {
    if (!this.#connected) {
      await this.#cluster.connect();
      await this.#lookAtTopic();
      this.#connected = true;
    }
    return this.#cluster.findControllerBroker();
  }

  /** Asks for the one topic, or for all where it is missing: kafkajs knows no "none". */
  async #lookAtTopic(): Promise<void> {
    try {
      await this.#cluster.addTargetTopic(this.#topic);
    } catch (error) {
      if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      await this.#cluster.refreshMetadata();
    }
  }

  async #leader(): Promise<Broker> {
    await this.#cluster.addTargetTopic(this.#topic);
    const partitions = this.#cluster.findTopicPartitionMetadata(this.#topic);
    const mine = partitions.find(({ partitionId }) => partitionId === this.#lane);
    if (mine === undefined) {
      throw new SinkError('unreachable', `${this.#topic} has no partition ${this.#lane} yet`);
    }
    return this.#cluster.findBroker({ nodeId: mine.leader });
  }

  async #partitionCount(topic: string): Promise<number> {
    const known = this.#partitionCounts.get(topic);
    if (known !== undefined && performance.now() < known.untilMs) return known.count;
    const broker = await this.#anyBroker();
    try {
      const { topicMetadata } = await broker.metadata([topic]);
      const count = topicMetadata[0]?.partitionMetadata.length ?? 0;
      this.#partitionCounts.set(topic, { count, untilMs: performance.now() + topicsKnownForMs });
      return count;
    } catch (error) {
      this.#partitionCounts.delete(topic);
      throw this.#topicError(sinkError(error, 'read'), topic);
    }
  }

  #topicError(error: SinkError, topic: string): SinkError {
    const at = `--bootstrap-server ${this.#bootstrap}`;
    if (error.kind === 'topic-missing') {
      const message = `topic ${topic} is missing; create it: kafka-topics.sh ${at} --create --topic ${topic}`;
      return new SinkError('topic-missing', message, { topic, cause: error });
    }
    if (error.kind === 'topic-forbidden') {
      const message = `topic ${topic} may not be written; allow it: ${aclCommand(at, `--topic ${topic}`)}`;
      return new SinkError('topic-forbidden', message, { topic, cause: error });
    }
    return error;
  }

  /** One at a time, and the last one if it fails: KAFKA.md [K-1], [K-30]. */
  async #sending(phase: Phase, work: () => Promise<void>): Promise<void> {
    if (this.#dead !== null) throw this.#dead;
    if (this.#busy) throw new Error('a second transaction before the first was answered');
    this.#busy = true;
    try {
      await this.#bounded(phase, work);
    } catch (error) {
      this.#dead = sinkError(error, phase);
      throw this.#dead;
    } finally {
      this.#busy = false;
    }
  }

  async #bounded<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    let settle = () => {};
    const limit = new Promise<never>((_resolve, reject) => {
      const late = new SinkError(
        phase === 'transaction' ? 'unanswered' : 'unreachable',
        `no answer from ${this.#bootstrap} within ${this.#deadlineMs / 1000} s`,
      );
      const timer = setTimeout(() => reject(late), this.#deadlineMs);
      this.#aborts.add(reject);
      settle = () => {
        clearTimeout(timer);
        this.#aborts.delete(reject);
      };
    });
    try {
      return await Promise.race([work(), limit]);
    } catch (error) {
      throw this.#explained(sinkError(error, phase), phase);
    } finally {
      settle();
    }
  }

  /** Adds what a person can do about it. */
  #explained(error: SinkError, phase: Phase): SinkError {
    const at = `--bootstrap-server ${this.#bootstrap}`;
    const type = kafkaErrorType(error);
    if (type === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') {
      const id = transactionalIdOf(this.#options.site, this.#lane);
      const command = aclCommand(at, `--transactional-id ${id}`);
      return new SinkError('misconfigured', `${id} may not be used; allow it: ${command}`, {
        cause: error,
      });
    }
    if (phase === 'transaction' || error.topic !== undefined) return error;
    if (error.kind === 'topic-forbidden') {
      const command = aclCommand(at, `--topic ${this.#topic}`);
      const message = `topic ${this.#topic} may not be used; allow it: ${command}`;
      return new SinkError('misconfigured', message, { cause: error });
    }
    // It was there a moment ago: look again.
    if (error.kind === 'topic-missing') {
      return new SinkError('unreachable', error.message, { cause: error });
    }
    return error;
  }
}

function aclCommand(at: string, resource: string): string {
  return `kafka-acls.sh ${at} --add --allow-principal User:NAME --operation All ${resource}`;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// lane → sink ⇒ commit, on kafkajs: the one file that makes a kafkajs client. KAFKA.md says why each
// step is as it is; kafkajs-internals.ts mends what kafkajs leaves open.
// Guarantees: every call settles within its bound; after an error from `fence` or `transaction`
// nothing is ever sent through this sink again; `close` takes no time.

import {
  Kafka,
  type KafkaConfig,
  logLevel,
  type Message,
  type SASLOptions,
  type TopicMessages,
} from 'kafkajs';
import type { Position } from '../journal/record.js';
import { type Advice, createAdvice } from './kafkajs-advice.js';
import {
  atLeastOnce,
  type Delivery,
  exactlyOnce,
  type Part,
  PartError,
} from './kafkajs-delivery.js';
import { kafkaErrorType, type Phase, sinkError } from './kafkajs-errors.js';
import {
  type Broker,
  type Cluster,
  type ConnectionLost,
  createSockets,
  openCluster,
  versionTrouble,
} from './kafkajs-internals.js';
import { partitionOf } from './partition.js';
import { readLaneState } from './position-read.js';
import { claimKey, ensurePositionTopic, positionKey, positionTopicOf } from './position-topic.js';
import type { Retention } from './retention.js';
import { type Claim, type KafkaSink, type LaneState, SinkError, type SinkRecord } from './sink.js';
import { smallTopics, smallTopicText } from './small-topics.js';
import { askLeaders, leaderless, untilGrown, youngTopic } from './young-topics.js';

export interface KafkajsSinkOptions {
  site: string;
  lane: number;
  brokers: string[];
  /** exactly-once unless told: KAFKA.md [K-42]. */
  delivery?: 'exactly-once' | 'at-least-once';
  ssl?: KafkaConfig['ssl'];
  sasl?: {
    mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    username: string;
    password: string;
  };
  /** kafkajs's own lines, for debugging. */
  log?: (text: string) => void;
  /** Says where Kafka would soon delete what is written. */
  retention?: Retention;
  requestTimeoutMs?: number;
  /** After it Kafka aborts an open transaction by itself. */
  transactionTimeoutMs?: number;
  /** The longest a fence or a transaction may take before it counts as unanswered. */
  deadlineMs?: number;
}

export const transactionalIdOf = (site: string, lane: number): string =>
  `headwater-${site}-${lane}`;

const youngPositions = new Set([
  ...leaderless,
  'UNKNOWN_TOPIC_OR_PARTITION',
  // "Unexpected error", while another proxy makes it.
  'UNKNOWN',
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
  readonly #advice: Advice;
  readonly #sockets = createSockets((lost) => this.#lost(lost));
  readonly #kafka: Kafka;
  readonly #cluster: Cluster;
  readonly #deadlineMs: number;
  readonly #requestTimeoutMs: number;
  #connected = false;
  #delivery: Delivery | null = null;
  /** Why nothing may be sent any more; null while all is well. */
  #dead: SinkError | null = null;
  #busy = false;
  readonly #aborts = new Set<(why: string | SinkError) => void>();
  /** Connections that could not be made, during the present call. */
  #connectionsFailed = 0;
  readonly #partitionCounts = new Map<string, { count: number; untilMs: number }>();

  constructor(options: KafkajsSinkOptions) {
    this.#options = options;
    this.#lane = options.lane;
    this.#topic = positionTopicOf(options.site);
    this.#bootstrap = options.brokers.join(',');
    this.#advice = createAdvice({
      ...{ bootstrap: this.#bootstrap, positionTopic: this.#topic },
      transactionalId: transactionalIdOf(options.site, options.lane),
    });
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 5000;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    const config = this.#config();
    this.#kafka = new Kafka(config);
    this.#cluster = openCluster(this.#kafka, config);
  }

  read(): Promise<LaneState> {
    return this.#bounded('read', () =>
      this.#grown(youngPositions, async () => {
        const broker = await this.#anyBroker();
        const where = { topic: this.#topic, lane: this.#lane, bootstrap: this.#bootstrap };
        await ensurePositionTopic(broker, where);
        const leader = await this.#leader();
        const at = { leader, topic: this.#topic, lane: this.#lane };
        return readLaneState(at, this.#delivery !== null);
      }),
    );
  }

  fence(claim: Claim): Promise<void> {
    const fencing = this.#sending('fence', async () => {
      const open = this.#options.delivery === 'at-least-once' ? atLeastOnce : exactlyOnce;
      this.#delivery = open(this.#kafka, {
        transactionalId: transactionalIdOf(this.#options.site, this.#lane),
        transactionTimeoutMs: this.#options.transactionTimeoutMs ?? 15_000,
        requestTimeoutMs: this.#requestTimeoutMs,
      });
      await this.#delivery.connect();
      await this.#write([], claimKey(this.#lane), claim);
    });
    return fencing.catch(async (error: SinkError) => {
      throw error.kind === 'unreachable' ? await this.#neverEnds(error) : error;
    });
  }

  transaction(records: readonly SinkRecord[], position: Position, apart?: boolean): Promise<void> {
    return this.#sending('transaction', async () => {
      await this.#options.retention?.look(() => this.#anyBroker(), records);
      const parts: Part[] = [];
      if (apart === true) for (const one of records) parts.push(await this.#part([one]));
      else if (records.length > 0) parts.push(await this.#part(records));
      await this.#write(parts, positionKey(this.#lane), position).catch((error: unknown) => {
        const part = error instanceof PartError ? error.part : records.length;
        const { kind, message, topic } = sinkError(error, 'transaction');
        const record = apart === true ? records[part] : undefined;
        // [K-33]
        if (record !== undefined) {
          const which = { topic: record.topic, record: part };
          throw new SinkError(kind, message, { cause: error, ...which });
        }
        const topics = [...parts.flat().map((messages) => messages.topic), this.#topic];
        const named = topic === undefined ? {} : { topic };
        throw this.#advice.oneOf(new SinkError(kind, message, { cause: error, ...named }), topics);
      });
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

  async #write(parts: readonly Part[], key: string, value: Position | Claim): Promise<void> {
    if (this.#delivery === null) throw new Error('a transaction before the fence');
    const message = { key, value: JSON.stringify(value), partition: this.#lane };
    await this.#delivery.write(parts, { topic: this.#topic, message });
  }

  async #part(records: readonly SinkRecord[]): Promise<Part> {
    const messages = new Map<string, Message[]>();
    for (const record of records) {
      const list = messages.get(record.topic);
      if (list === undefined) messages.set(record.topic, [await this.#message(record)]);
      else list.push(await this.#message(record));
    }
    return [...messages].map(([topic, list]): TopicMessages => ({ topic, messages: list }));
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

  async #anyBroker(): Promise<Broker> {
    if (!this.#connected) {
      await this.#cluster.connect();
      this.#lookAtVersions();
      await this.#lookAtTopic();
      this.#connected = true;
    }
    return this.#cluster.findControllerBroker();
  }

  #lookAtVersions(): void {
    const { versions } = this.#cluster.brokerPool;
    const trouble = versionTrouble(versions, this.#options.delivery !== 'at-least-once');
    if (trouble === null) return;
    throw new SinkError('misconfigured', `Kafka at ${this.#bootstrap} ${trouble}`);
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
      const count = await this.#grown(youngTopic, async () => {
        const { topicMetadata } = await broker.metadata([topic]);
        const partitions = topicMetadata[0]?.partitionMetadata ?? [];
        await askLeaders(this.#cluster, topic, partitions);
        return partitions.length;
      });
      const [small] = await this.#small(broker, [topic]);
      if (small !== undefined) {
        const text = smallTopicText(topic, small.bytes, this.#bootstrap);
        throw new SinkError('topic-forbidden', text, { topic });
      }
      this.#partitionCounts.set(topic, { count, untilMs: performance.now() + topicsKnownForMs });
      return count;
    } catch (error) {
      this.#partitionCounts.delete(topic);
      if (error instanceof SinkError) throw error;
      throw this.#advice.topic(sinkError(error, 'read'), topic);
    }
  }

  /** [K-39] What a predecessor's transaction may be waiting for, where Kafka is there and does not let us begin. */
  async #neverEnds(error: SinkError): Promise<SinkError> {
    try {
      const [small] = await this.#bounded('read', async () => {
        const broker = await this.#anyBroker();
        const { topicMetadata } = await broker.metadata([]);
        return this.#small(
          broker,
          topicMetadata.map(({ topic }) => topic),
        );
      });
      if (small === undefined) return error;
      const { topic, bytes } = small;
      const id = transactionalIdOf(this.#options.site, this.#lane);
      const text =
        `${smallTopicText(topic, bytes, this.#bootstrap)}; one is open already, and Kafka does not try again by ` +
        `itself: restart the broker that coordinates ${id} (kafka-transactions.sh describe), too`;
      return new SinkError('misconfigured', text, { topic, cause: error });
    } catch {
      return error;
    }
  }

  /** Without transactions there is no mark. */
  async #small(broker: Broker, topics: readonly string[]) {
    const hasMarks = this.#options.delivery !== 'at-least-once';
    return hasMarks ? smallTopics(broker, topics) : [];
  }

  #grown<T>(young: ReadonlySet<string>, work: () => Promise<T>): Promise<T> {
    return untilGrown(young, () => this.#dead !== null, work);
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
    this.#connectionsFailed = 0;
    let settle = () => {};
    const limit = new Promise<never>((_resolve, reject) => {
      const abort = (why: string | SinkError) =>
        reject(typeof why === 'string' ? this.#advice.unusable(phase, why) : why);
      const late = `no answer within ${this.#deadlineMs / 1000} s`;
      const timer = setTimeout(() => abort(late), this.#deadlineMs);
      this.#aborts.add(abort);
      settle = () => {
        clearTimeout(timer);
        this.#aborts.delete(abort);
      };
    });
    try {
      return await Promise.race([work(), limit]);
    } catch (error) {
      throw this.#advice.explain(sinkError(error, phase), phase);
    } finally {
      settle();
    }
  }

  /**
   * kafkajs would try on for as long as the deadline lets it, and nobody would hear of it. Whoever
   * waits for an answer on a connection that was lost starts the lane again anyway ([K-30]).
   */
  #lost({ why, established }: ConnectionLost): void {
    // One of several brokers may be away: each is asked, and each once more.
    const patience = 2 * this.#options.brokers.length;
    if (!established && ++this.#connectionsFailed < patience) return;
    for (const abort of this.#aborts) abort(why);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

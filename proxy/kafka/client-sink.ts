// lane → sink ⇒ commit, on whatever client: what is decided here is the same for kafkajs and for @platformatic/kafka, and each is
// opened in a file of its own, kafkajs-sink.ts and platformatic-sink.ts. KAFKA.md says why each step is as it is.
// Guarantees: every call settles within its bound; after an error from `fence` or `transaction` nothing is ever sent through this sink
// again; `close` takes no time.

import type { ConnectionOptions } from 'node:tls';
import type { Position } from '../journal/record.js';
import { BoundedCalls, type ConnectionLost } from './bounded-calls.js';
import type { Broker } from './broker.js';
import type { KafkaClient, Part, SentMessage } from './client.js';
import { type Advice, createAdvice } from './client-advice.js';
import { type Phase, sinkError } from './client-errors.js';
import type { CompressionOf } from './compression.js';
import { atLeastOnce, type Delivery, exactlyOnce, PartError } from './delivery.js';
import type { Login } from './login.js';
import { partitionOf } from './partition.js';
import { readLaneState } from './position-read.js';
import { claimKey, ensurePositionTopic, positionKey, positionTopicOf } from './position-topic.js';
import type { Retention } from './retention.js';
import { type Claim, type KafkaSink, type LaneState, SinkError, type SinkRecord } from './sink.js';
import { smallTopics, smallTopicText } from './small-topics.js';
import { askLeaders, leaderless, untilGrown, youngTopic } from './young-topics.js';

export interface SinkOptions {
  site: string;
  lane: number;
  brokers: string[];
  /** exactly-once unless told: KAFKA.md [K-42]. */
  delivery?: 'exactly-once' | 'at-least-once';
  ssl?: boolean | ConnectionOptions;
  sasl?: Login;
  /** The client's own lines, for debugging. */
  log?: (text: string) => void;
  /** Of each topic's batches; none unless told. */
  compression?: CompressionOf;
  /** Says where Kafka would soon delete what is written. */
  retention?: Retention;
  requestTimeoutMs?: number;
  /** After it Kafka aborts an open transaction by itself. */
  transactionTimeoutMs?: number;
  /** The longest a fence or a transaction may take before it counts as unanswered. */
  deadlineMs?: number;
}

/** What a client is told beside the options that it knows already. */
export interface ClientNeeds {
  positionTopic: string;
  /** host:port,… for people. */
  bootstrap: string;
  requestTimeoutMs: number;
  onLost(lost: ConnectionLost): void;
}

export type OpenClient<Message extends SentMessage> = (needs: ClientNeeds) => KafkaClient<Message>;

export const transactionalIdOf = (site: string, lane: number): string =>
  `headwater-${site}-${lane}`;

const youngPositions = new Set([
  ...leaderless,
  'UNKNOWN_TOPIC_OR_PARTITION',
  // "Unexpected error", while another proxy makes it: kafkajs's name of it, and Kafka's.
  'UNKNOWN',
  'UNKNOWN_SERVER_ERROR',
]);
const topicsKnownForMs = 300_000;
const requestTimeoutMs = 5000;

export function createClientSink<Message extends SentMessage>(
  options: SinkOptions,
  open: OpenClient<Message>,
): KafkaSink {
  return new ClientSink(options, open);
}

class ClientSink<Message extends SentMessage> implements KafkaSink {
  readonly #options: SinkOptions;
  readonly #lane: number;
  readonly #topic: string;
  readonly #bootstrap: string;
  readonly #advice: Advice;
  readonly #calls: BoundedCalls;
  readonly #client: KafkaClient<Message>;
  #delivery: Delivery<Message> | null = null;
  /** Why nothing may be sent any more; null while all is well. */
  #dead: SinkError | null = null;
  #busy = false;
  readonly #partitionCounts = new Map<string, { count: number; untilMs: number }>();

  constructor(options: SinkOptions, open: OpenClient<Message>) {
    const { site, lane, brokers } = options;
    this.#options = options;
    this.#lane = lane;
    this.#topic = positionTopicOf(site);
    this.#bootstrap = brokers.join(',');
    this.#advice = createAdvice({
      ...{ bootstrap: this.#bootstrap, positionTopic: this.#topic },
      transactionalId: transactionalIdOf(site, lane),
    });
    this.#calls = new BoundedCalls({
      ...{ advice: this.#advice, brokers: brokers.length },
      deadlineMs: options.deadlineMs ?? 10_000,
    });
    this.#client = open({
      ...{ positionTopic: this.#topic, bootstrap: this.#bootstrap },
      requestTimeoutMs: options.requestTimeoutMs ?? requestTimeoutMs,
      onLost: (lost) => this.#calls.lost(lost),
    });
  }

  read(): Promise<LaneState> {
    return this.#calls.run('read', () =>
      this.#grown(youngPositions, async () => {
        const broker = await this.#client.controller();
        const where = { topic: this.#topic, lane: this.#lane, bootstrap: this.#bootstrap };
        await ensurePositionTopic(broker, where);
        const leader = await this.#client.leader(this.#topic, this.#lane);
        const at = { leader, topic: this.#topic, lane: this.#lane };
        return readLaneState(at, this.#delivery !== null);
      }),
    );
  }

  fence(claim: Claim): Promise<void> {
    const fencing = this.#sending('fence', async () => {
      this.#delivery = this.#openDelivery();
      await this.#delivery.connect();
      await this.#write([], claimKey(this.#lane), claim);
    });
    return fencing.catch(async (error: SinkError) => {
      throw error.kind === 'unreachable' ? await this.#neverEnds(error) : error;
    });
  }

  transaction(records: readonly SinkRecord[], position: Position, apart?: boolean): Promise<void> {
    return this.#sending('transaction', async () => {
      await this.#options.retention?.look(() => this.#client.controller(), records);
      const parts: Part<Message>[] = [];
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
    return this.#calls.run('read', async () => {
      for (const topic of topics) await this.#partitionCount(topic);
    });
  }

  async close(): Promise<void> {
    const closed = new SinkError('unreachable', 'this sink was closed');
    this.#dead ??= closed;
    this.#calls.abort(closed);
    this.#client.end();
  }

  #openDelivery(): Delivery<Message> {
    const { delivery, site, transactionTimeoutMs = 15_000 } = this.#options;
    const { compression = () => null } = this.#options;
    const isOnce = delivery !== 'at-least-once';
    const producer = this.#client.producer({
      transactionalId: isOnce ? transactionalIdOf(site, this.#lane) : null,
      transactionTimeoutMs,
      requestTimeoutMs: this.#options.requestTimeoutMs ?? requestTimeoutMs,
      // Read back by clients that know few codecs, and small.
      compression: (topic) => (topic === this.#topic ? null : compression(topic)),
    });
    return isOnce ? exactlyOnce(producer) : atLeastOnce(producer);
  }

  async #write(
    parts: readonly Part<Message>[],
    key: string,
    value: Position | Claim,
  ): Promise<void> {
    if (this.#delivery === null) throw new Error('a transaction before the fence');
    const record = {
      ...{ topic: this.#topic, timestampMs: Date.now(), headers: {} },
      ...{ key: Buffer.from(key), value: Buffer.from(JSON.stringify(value)) },
    };
    const message = this.#client.message(record, this.#lane);
    await this.#delivery.write(parts, { topic: this.#topic, message });
  }

  async #part(records: readonly SinkRecord[]): Promise<Part<Message>> {
    const messages = new Map<string, Message[]>();
    for (const record of records) {
      const list = messages.get(record.topic);
      if (list === undefined) messages.set(record.topic, [await this.#message(record)]);
      else list.push(await this.#message(record));
    }
    return [...messages].map(([topic, list]) => ({ topic, messages: list }));
  }

  async #message(record: SinkRecord): Promise<Message> {
    const known = this.#partitionCounts.get(record.topic);
    const count = known?.count ?? (await this.#partitionCount(record.topic));
    return this.#client.message(record, partitionOf(record.key, count));
  }

  async #partitionCount(topic: string): Promise<number> {
    const known = this.#partitionCounts.get(topic);
    if (known !== undefined && performance.now() < known.untilMs) return known.count;
    const broker = await this.#client.controller();
    try {
      const count = await this.#grown(youngTopic, async () => {
        const { topicMetadata } = await broker.metadata([topic]);
        const partitions = topicMetadata[0]?.partitionMetadata ?? [];
        await askLeaders((nodeId) => this.#client.broker(nodeId), topic, partitions);
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
      const [small] = await this.#calls.run('read', async () => {
        const broker = await this.#client.controller();
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
      await this.#calls.run(phase, work);
    } catch (error) {
      this.#dead = sinkError(error, phase);
      throw this.#dead;
    } finally {
      this.#busy = false;
    }
  }
}

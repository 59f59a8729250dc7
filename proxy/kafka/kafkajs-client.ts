// A kafkajs client for the commands that work beside the proxy: bounded calls, sockets that end at once, and what a
// person can do about an error. The lane's own is kafkajs-sink.ts. KAFKA.md, "kafkajs 2.2.4"

import { type KafkaConfig as ClientConfig, Kafka, logLevel } from 'kafkajs';
import type { KafkaConfig } from '../config.js';
import { BoundedCalls, type ConnectionLost } from './bounded-calls.js';
import type { Broker } from './broker.js';
import { type Advice, createAdvice } from './client-advice.js';
import { type Phase, sinkError } from './client-errors.js';
import { type Cluster, createSockets, openCluster } from './kafkajs-internals.js';
import { kafkajsSasl, reloginMs } from './kafkajs-login.js';
import { openSecurity } from './login.js';
import { SinkError } from './sink.js';
import { smallTopics, smallTopicText } from './small-topics.js';
import { askLeaders, untilGrown, youngTopic } from './young-topics.js';

export interface ClientOptions {
  kafka: Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'>;
  clientId: string;
  /** For what a person is told to allow. */
  transactionalId: string;
  /** Where it is written without being looked at first. */
  ownTopic: string;
}

const requestTimeoutMs = 5000;
const deadlineMs = 15_000;

export class Client {
  readonly kafka: Kafka;
  readonly advice: Advice;
  readonly #cluster: Cluster;
  readonly #sockets = createSockets((lost) => this.#lost(lost));
  readonly #calls: BoundedCalls;
  readonly #bootstrap: string;
  #connecting: Promise<void> | null = null;
  #isClosed = false;

  constructor({ kafka, clientId, transactionalId, ownTopic }: ClientOptions) {
    const { brokers } = kafka;
    const { ssl, sasl } = openSecurity(kafka)();
    const bootstrap = brokers.join(',');
    this.#bootstrap = bootstrap;
    this.advice = createAdvice({ bootstrap, positionTopic: ownTopic, transactionalId });
    this.#calls = new BoundedCalls({ advice: this.advice, deadlineMs, brokers: brokers.length });
    const config: ClientConfig = {
      ...{ clientId, brokers, connectionTimeout: 1000, authenticationTimeout: 5000 },
      reauthenticationThreshold: reloginMs,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: kafkajsSasl(sasl) }),
      requestTimeout: requestTimeoutMs,
      retry: { initialRetryTime: 5, factor: 0.2, multiplier: 1.3, maxRetryTime: 500, retries: 20 },
      socketFactory: this.#sockets.factory,
      logLevel: logLevel.NOTHING,
    };
    this.kafka = new Kafka(config);
    this.#cluster = openCluster(this.kafka, config);
  }

  /** Settles within its bound, with an error that says what to do. */
  bounded<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    return this.#calls.run(phase, async () => {
      if (this.#isClosed) throw new SinkError('unreachable', 'this client was closed');
      return work();
    });
  }

  /** How many partitions it has; throws topic-missing or topic-forbidden. */
  partitionCount(topic: string): Promise<number> {
    return this.bounded('read', async () => {
      await this.#connect();
      try {
        const broker = await this.#cluster.findControllerBroker();
        const count = await this.#led(broker, topic);
        const [small] = await smallTopics(broker, [topic]);
        if (small !== undefined) {
          const text = smallTopicText(topic, small.bytes, this.#bootstrap);
          throw new SinkError('topic-forbidden', text, { topic });
        }
        return count;
      } catch (error) {
        if (error instanceof SinkError) throw error;
        throw this.advice.topic(sinkError(error, 'read'), topic);
      }
    });
  }

  #led(broker: Broker, topic: string): Promise<number> {
    return untilGrown(
      youngTopic,
      () => this.#isClosed,
      async () => {
        const { topicMetadata } = await broker.metadata([topic]);
        const partitions = topicMetadata[0]?.partitionMetadata ?? [];
        if (partitions.length === 0) {
          throw new SinkError('unreachable', `${topic}: Kafka names no partition of it yet`);
        }
        await askLeaders((nodeId) => this.#cluster.findBroker({ nodeId }), topic, partitions);
        return partitions.length;
      },
    );
  }

  /** Of a topic that is there; call it inside `bounded`. */
  async leader(topic: string, partition: number): Promise<Broker> {
    await this.#connect();
    await this.#cluster.addTargetTopic(topic);
    const found = this.#cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition);
    if (found === undefined) {
      throw new SinkError('unreachable', `${topic} has no partition ${partition} yet`);
    }
    return this.#cluster.findBroker({ nodeId: found.leader });
  }

  close(): void {
    this.#isClosed = true;
    this.#sockets.end();
  }

  #lost(lost: ConnectionLost): void {
    if (this.#calls.lost(lost)) this.#connecting = null;
  }

  async #connect(): Promise<void> {
    this.#connecting ??= this.#cluster.connect().then(() => this.#cluster.refreshMetadata());
    await this.#connecting;
  }
}

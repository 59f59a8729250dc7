// lane → sink ⇒ commit, on kafkajs: the one file that makes a kafkajs client for a lane. client-sink.ts is the sink; kafkajs-internals.ts
// mends what kafkajs leaves open. KAFKA.md, "kafkajs 2.2.4"

import { Kafka, type KafkaConfig, logLevel, type Message } from 'kafkajs';
import type { Broker } from './broker.js';
import type { KafkaClient, Producer, ProducerOptions } from './client.js';
import { kafkaErrorType } from './client-errors.js';
import { type ClientNeeds, createClientSink, type SinkOptions } from './client-sink.js';
import {
  type Cluster,
  createSockets,
  kafkajsTrouble,
  openCluster,
  type Sockets,
} from './kafkajs-internals.js';
import { kafkajsSasl, reloginMs } from './kafkajs-login.js';
import { kafkajsProducer } from './kafkajs-producer.js';
import { type KafkaSink, SinkError, type SinkRecord } from './sink.js';

export { type SinkOptions, transactionalIdOf } from './client-sink.js';

export function createKafkajsSink(options: SinkOptions): KafkaSink {
  return createClientSink(options, (needs) => new KafkajsClient(options, needs));
}

class KafkajsClient implements KafkaClient<Message> {
  readonly #options: SinkOptions;
  readonly #needs: ClientNeeds;
  readonly #sockets: Sockets;
  readonly #kafka: Kafka;
  readonly #cluster: Cluster;
  #connected = false;

  constructor(options: SinkOptions, needs: ClientNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#sockets = createSockets(needs.onLost);
    const config = this.#config();
    this.#kafka = new Kafka(config);
    this.#cluster = openCluster(this.#kafka, config);
  }

  async controller(): Promise<Broker> {
    if (!this.#connected) {
      await this.#cluster.connect();
      this.#lookAtVersions();
      await this.#lookAtTopic();
      this.#connected = true;
    }
    return this.#cluster.findControllerBroker();
  }

  broker(nodeId: number): Promise<Broker> {
    return this.#cluster.findBroker({ nodeId });
  }

  async leader(topic: string, partition: number): Promise<Broker> {
    await this.#cluster.addTargetTopic(topic);
    const partitions = this.#cluster.findTopicPartitionMetadata(topic);
    const found = partitions.find(({ partitionId }) => partitionId === partition);
    if (found === undefined) {
      throw new SinkError('unreachable', `${topic} has no partition ${partition} yet`);
    }
    return this.#cluster.findBroker({ nodeId: found.leader });
  }

  message(record: SinkRecord, partition: number): Message {
    return {
      key: bufferOf(record.key),
      value: bufferOf(record.value),
      partition,
      timestamp: String(Math.trunc(record.timestampMs)),
      headers: record.headers,
    };
  }

  producer(options: ProducerOptions): Producer<Message> {
    return kafkajsProducer(this.#kafka, options);
  }

  end(): void {
    this.#sockets.end();
  }

  #config(): KafkaConfig {
    const { brokers, ssl, sasl, lane, log } = this.#options;
    return {
      clientId: `headwater-lane-${lane}`,
      brokers,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: kafkajsSasl(sasl) }),
      connectionTimeout: 1000,
      authenticationTimeout: 5000,
      reauthenticationThreshold: reloginMs,
      requestTimeout: this.#needs.requestTimeoutMs,
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

  #lookAtVersions(): void {
    const { versions } = this.#cluster.brokerPool;
    const trouble = kafkajsTrouble(versions, this.#options.delivery !== 'at-least-once');
    if (trouble === null) return;
    throw new SinkError('misconfigured', `Kafka at ${this.#needs.bootstrap} ${trouble}`);
  }

  /** Asks for the one topic, or for all where it is missing: kafkajs knows no "none". */
  async #lookAtTopic(): Promise<void> {
    try {
      await this.#cluster.addTargetTopic(this.#needs.positionTopic);
    } catch (error) {
      if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      await this.#cluster.refreshMetadata();
    }
  }
}

/** A view of what is none yet: most values are, and each view is an object more for each event. */
function bufferOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

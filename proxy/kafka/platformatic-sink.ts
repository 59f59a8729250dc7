// lane → sink ⇒ commit, on @platformatic/kafka's protocol layer: the client for client-sink.ts. Which broker leads what is asked of Kafka
// and kept until a broker says otherwise, which ends the sink. KAFKA.md, "@platformatic/kafka"

import type { Broker } from './broker.js';
import type { KafkaClient, Producer, ProducerOptions } from './client.js';
import { type ClientNeeds, createClientSink, type SinkOptions } from './client-sink.js';
import { platformaticBroker } from './platformatic-broker.js';
import type { Answer, BrokerConnection } from './platformatic-connection.js';
import { type Address, Connections } from './platformatic-connections.js';
import type { Library } from './platformatic-library.js';
import { type PlacedMessage, PlatformaticProducer } from './platformatic-producer.js';
import { type KafkaSink, SinkError, type SinkRecord } from './sink.js';

export function createPlatformaticSink(library: Library, options: SinkOptions): KafkaSink {
  return createClientSink(options, (needs) => new PlatformaticClient(library, options, needs));
}

class PlatformaticClient implements KafkaClient<PlacedMessage> {
  readonly #library: Library;
  readonly #bootstrap: Address[];
  readonly #connections: Connections;
  readonly #brokers = new Map<number, Address>();
  /** By topic, a broker's number for each partition. */
  readonly #leaders = new Map<string, Map<number, number>>();
  #controllerId = -1;

  constructor(library: Library, options: SinkOptions, needs: ClientNeeds) {
    this.#library = library;
    this.#bootstrap = options.brokers.map(addressOf);
    const { requestTimeoutMs } = needs;
    this.#connections = new Connections({ library, sink: options, requestTimeoutMs });
  }

  async controller(): Promise<Broker> {
    if (!this.#brokers.has(this.#controllerId)) await this.#askAbout();
    try {
      return await this.broker(this.#controllerId);
    } catch (error) {
      // The next call asks who it is now.
      this.#controllerId = -1;
      throw error;
    }
  }

  async broker(nodeId: number): Promise<Broker> {
    return platformaticBroker(await this.#to(nodeId), (answer) => this.#heard(answer));
  }

  async leader(topic: string, partition: number): Promise<Broker> {
    await this.#askAbout(topic);
    return this.broker(this.#leaderOf(topic, partition));
  }

  message({ key, value, headers, timestampMs }: SinkRecord, partition: number): PlacedMessage {
    return { key, value, headers, partition, timestamp: Math.trunc(timestampMs) };
  }

  producer(options: ProducerOptions): Producer<PlacedMessage> {
    return new PlatformaticProducer({
      ...{ library: this.#library, options },
      any: () => this.#any(),
      to: (nodeId) => this.#to(nodeId),
      leaderOf: async (topic, partition) => {
        if (this.#leaders.get(topic)?.has(partition) !== true) await this.#askAbout(topic);
        return this.#leaderOf(topic, partition);
      },
      isEnded: () => this.#connections.isEnded,
    });
  }

  end(): void {
    this.#connections.end();
  }

  #any(): Promise<BrokerConnection> {
    return this.#connections.toAny([...this.#brokers.values(), ...this.#bootstrap]);
  }

  #to(nodeId: number): Promise<BrokerConnection> {
    const address = this.#brokers.get(nodeId);
    if (address !== undefined) return this.#connections.to(address);
    throw new SinkError('unreachable', `Kafka names no broker ${nodeId}`);
  }

  async #askAbout(...topics: string[]): Promise<void> {
    this.#heard(await (await this.#any()).ask('Metadata', topics, false));
  }

  #leaderOf(topic: string, partition: number): number {
    const leader = this.#leaders.get(topic)?.get(partition);
    if (leader !== undefined) return leader;
    throw new SinkError('unreachable', `${topic} has no partition ${partition} yet`);
  }

  #heard({ brokers, controllerId, topics }: Answer<'Metadata'>): void {
    this.#controllerId = controllerId;
    this.#brokers.clear();
    for (const { nodeId, host, port } of brokers) this.#brokers.set(nodeId, { host, port });
    for (const { name, partitions } of topics) {
      const leaders = partitions.map((one) => [one.partitionIndex, one.leaderId] as const);
      this.#leaders.set(name ?? '', new Map(leaders));
    }
  }
}

function addressOf(broker: string): Address {
  const at = broker.lastIndexOf(':');
  // An address of IPv6 stands in brackets.
  const host = broker.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(broker.slice(at + 1)) };
}

// Transactions and idempotent sends as Kafka's protocol has them, each request once ([K-30]). What is asked again is only what Kafka has
// refused to begin: while it loads the id, or still ends the transaction before.
// Invariant: a partition's next sequence number counts what was sent and acknowledged; one error, and none of them is used again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Part, Producer, ProducerOptions, Transaction, Written } from './client.js';
import { kafkaErrorType } from './client-errors.js';
import type { BrokerConnection } from './platformatic-connection.js';
import type { Library } from './platformatic-library.js';
import type { ProduceAnswer } from './platformatic-produce.js';
import { type BatchRecord, encodeRecordBatch } from './record-batch.js';

export interface ProducerNeeds {
  library: Library;
  options: ProducerOptions;
  any(): Promise<BrokerConnection>;
  to(nodeId: number): Promise<BrokerConnection>;
  /** Who leads the partition, a broker's number. */
  leaderOf(topic: string, partition: number): Promise<number>;
  isEnded(): boolean;
}

/** A partition's share of a request. */
interface Encoded {
  topic: string;
  partition: number;
  records: Uint8Array;
  /** Of its sequence. */
  name: string;
  nextSequence: number;
}

export interface PlacedMessage extends BatchRecord {
  partition: number;
}

const ofTransactions = 1;
/** Right after a commit Kafka may still be ending that transaction. */
const endingWaitMs = 5;
/** While Kafka loads the id, looks for who does, or ends the transaction before. */
const notYet = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);
const firstWaitMs = 20;
const longestWaitMs = 300;

interface Owner {
  producerId: bigint;
  producerEpoch: number;
}

export class PlatformaticProducer implements Producer<PlacedMessage> {
  readonly #needs: ProducerNeeds;
  /** Of each partition, the next one. */
  readonly #sequences = new Map<string, number>();
  #id: Owner | null = null;
  #coordinator = -1;

  constructor(needs: ProducerNeeds) {
    this.#needs = needs;
  }

  async connect(): Promise<void> {
    if (this.#needs.options.transactionalId === null) this.#id = await this.#initialise(null);
  }

  async begin(): Promise<Transaction<PlacedMessage>> {
    const id = this.#needs.options.transactionalId;
    if (id === null) throw new Error('a producer without a transactional id has no transactions');
    this.#id ??= await this.#initialise(id);
    return {
      send: async (part) => {
        await this.#addPartitions(id, part);
        return this.#produce(part, id);
      },
      commit: async () => {
        const { producerId, producerEpoch } = this.#owner();
        const coordinator = await this.#needs.to(this.#coordinator);
        await coordinator.ask('EndTxn', id, producerId, producerEpoch, true);
      },
    };
  }

  send(part: Part<PlacedMessage>): Promise<readonly Written[]> {
    return this.#produce(part, null);
  }

  /** With a transactional id: aborts what a predecessor had open, and from then on nothing of it is taken. */
  async #initialise(transactionalId: string | null): Promise<Owner> {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 1.5, longestWaitMs)) {
      try {
        const broker = await this.#initialiser(transactionalId);
        const { transactionTimeoutMs } = this.#needs.options;
        const answer = await broker.ask('InitProducerId', transactionalId, transactionTimeoutMs);
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
      } catch (error) {
        if (this.#needs.isEnded() || !notYet.has(kafkaErrorType(error) ?? '')) throw error;
        await sleep(waitMs);
      }
    }
  }

  async #initialiser(transactionalId: string | null): Promise<BrokerConnection> {
    const any = await this.#needs.any();
    if (transactionalId === null) return any;
    const { coordinators } = await any.ask('FindCoordinator', ofTransactions, [transactionalId]);
    this.#coordinator = coordinators[0]?.nodeId ?? -1;
    return this.#needs.to(this.#coordinator);
  }

  async #addPartitions(transactionalId: string, part: Part<PlacedMessage>): Promise<void> {
    const coordinator = await this.#needs.to(this.#coordinator);
    const topics = part.map(({ topic, messages }) => {
      return { name: topic, partitions: [...new Set(messages.map(({ partition }) => partition))] };
    });
    const asked = { transactionalId, ...this.#owner(), verifyOnly: false, topics };
    for (;;) {
      try {
        await coordinator.ask('AddPartitionsToTxn', [asked]);
        return;
      } catch (error) {
        const isEnding = kafkaErrorType(error) === 'CONCURRENT_TRANSACTIONS';
        if (!isEnding || this.#needs.isEnded()) throw error;
        await sleep(endingWaitMs);
      }
    }
  }

  async #produce(
    part: Part<PlacedMessage>,
    transactionalId: string | null,
  ): Promise<readonly Written[]> {
    const requests = new Map<number, Encoded[]>();
    for (const { topic, messages } of part) {
      for (const [partition, some] of byPartition(messages)) {
        const leader = await this.#needs.leaderOf(topic, partition);
        const encoded = await this.#encode(topic, partition, some, transactionalId !== null);
        const request = requests.get(leader);
        if (request === undefined) requests.set(leader, [encoded]);
        else request.push(encoded);
      }
    }
    const answers = await Promise.all(
      [...requests].map(([leader, request]) => this.#request(leader, request, transactionalId)),
    );
    return answers.flat();
  }

  async #encode(
    topic: string,
    partition: number,
    messages: readonly PlacedMessage[],
    isTransactional: boolean,
  ): Promise<Encoded> {
    const name = `${topic}:${partition}`;
    const firstSequence = this.#sequences.get(name) ?? 0;
    const records = await encodeRecordBatch(messages, {
      ...{ ...this.#owner(), firstSequence, isTransactional },
      compression: this.#needs.options.compression(topic),
      crc32c: this.#needs.library.crc32c,
    });
    const nextSequence = sequenceAfter(firstSequence, messages.length);
    return { topic, partition, records, name, nextSequence };
  }

  async #request(
    leader: number,
    encoded: readonly Encoded[],
    transactionalId: string | null,
  ): Promise<Written[]> {
    const broker = await this.#needs.to(leader);
    const { requestTimeoutMs: timeoutMs } = this.#needs.options;
    const topics = [...new Set(encoded.map(({ topic }) => topic))].map((topic) => {
      return { topic, partitions: encoded.filter((one) => one.topic === topic) };
    });
    const answer = await broker.produce({ transactionalId, timeoutMs, topics });
    for (const { name, nextSequence } of encoded) this.#sequences.set(name, nextSequence);
    return written(answer);
  }

  #owner(): Owner {
    if (this.#id === null) throw new Error('a producer that was not initialised');
    return this.#id;
  }
}

/** Beyond 2^31 − 1 they begin at 0 again, after 12 hours of 50,000 a second. */
export function sequenceAfter(first: number, count: number): number {
  return (first + count) % 2 ** 31;
}

function byPartition(messages: readonly PlacedMessage[]): Map<number, PlacedMessage[]> {
  const found = new Map<number, PlacedMessage[]>();
  for (const message of messages) {
    const some = found.get(message.partition);
    if (some === undefined) found.set(message.partition, [message]);
    else some.push(message);
  }
  return found;
}

function written(answer: ProduceAnswer): Written[] {
  return answer.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map(({ index, baseOffset }) => {
      return { topic: name, partition: index, baseOffset };
    }),
  );
}

// Dead letters → Kafka: one transaction brings letters to their own topics and notes in the dead-letter topic that it did. On kafkajs,
// with the sink's rules: after any error the sender is dead ([K-30]), and `fence` is what ends a predecessor ([K-20] 1). KAFKA.md [K-38]

import type { Message, Producer, Transaction } from 'kafkajs';
import { type DeadLetter, encodeNote } from './dead-letter.js';
import type { Client } from './kafkajs-client.js';
import { producerOptions, sendAll } from './kafkajs-delivery.js';
import { sinkError } from './kafkajs-errors.js';
import { partitionOf } from './partition.js';
import { SinkError, type SinkRecord } from './sink.js';

export interface Outgoing {
  letter: DeadLetter;
  /** What goes to the letter's own topic. */
  record: SinkRecord;
}

export interface LetterSender {
  /** Nobody else of this transactional id can commit any more; what it had open is ended. */
  fence(): Promise<void>;
  /** All of them and their notes, or nothing. `apart`: a request each, so that an error says which one. */
  send(batch: readonly Outgoing[], apart: boolean): Promise<void>;
  close(): void;
}

export interface LetterSenderOptions {
  client: Client;
  transactionalId: string;
  deadTopic: string;
  /** In the notes: which run of the command it was. */
  run: string;
  nowMs(): number;
}

const timeoutMs = 5000;
const transactionTimeoutMs = 15_000;

export function createLetterSender(options: LetterSenderOptions): LetterSender {
  return new KafkajsLetterSender(options);
}

class KafkajsLetterSender implements LetterSender {
  readonly #options: LetterSenderOptions;
  readonly #partitionCounts = new Map<string, number>();
  readonly #producer: Producer;

  constructor(options: LetterSenderOptions) {
    this.#options = options;
    this.#producer = options.client.kafka.producer({
      transactionalId: options.transactionalId,
      transactionTimeout: transactionTimeoutMs,
      ...producerOptions,
    });
  }

  fence(): Promise<void> {
    return this.#options.client.bounded('fence', async () => {
      await this.#producer.connect();
      // [K-20] 1: it is the first transaction that initialises the id, and an empty one leaves nothing behind.
      const transaction = await this.#producer.transaction();
      await transaction.abort();
    });
  }

  async send(batch: readonly Outgoing[], apart: boolean): Promise<void> {
    const { client } = this.#options;
    // Looked at first: none is created by writing to it, and nothing is begun that a look would have spared.
    for (const topic of new Set(batch.map(({ record }) => record.topic))) {
      if (!this.#partitionCounts.has(topic)) {
        this.#partitionCounts.set(topic, await client.partitionCount(topic));
      }
    }
    await client.bounded('transaction', async () => {
      const transaction = await this.#producer.transaction();
      if (apart) await this.#sendApart(transaction, batch);
      else await this.#sendTogether(transaction, batch);
      await transaction.commit();
    });
  }

  close(): void {
    this.#options.client.close();
  }

  async #sendTogether(transaction: Transaction, batch: readonly Outgoing[]): Promise<void> {
    const topics = new Map<string, Message[]>();
    const add = (topic: string, message: Message) =>
      topics.set(topic, [...(topics.get(topic) ?? []), message]);
    for (const { record } of batch) add(record.topic, this.#message(record));
    const named = [...topics.keys()];
    for (const note of this.#notes(batch)) add(this.#options.deadTopic, note);
    const topicMessages = [...topics].map(([topic, messages]) => ({ topic, messages }));
    await sendAll(transaction, topicMessages, timeoutMs).catch((error: unknown) => {
      throw this.#options.client.advice.oneOf(sinkError(error, 'transaction'), named);
    });
  }

  async #sendApart(transaction: Transaction, batch: readonly Outgoing[]): Promise<void> {
    const send = async (topic: string, message: Message, at?: number) => {
      const sending = sendAll(transaction, [{ topic, messages: [message] }], timeoutMs);
      await sending.catch((cause: unknown) => {
        const { kind, message: text } = sinkError(cause, 'transaction');
        throw new SinkError(kind, text, {
          ...{ cause, topic },
          ...(at === undefined ? {} : { record: at }),
        });
      });
    };
    for (const [at, { record }] of batch.entries()) {
      await send(record.topic, this.#message(record), at);
    }
    for (const note of this.#notes(batch)) await send(this.#options.deadTopic, note);
  }

  #message({ topic, key, value, timestampMs, headers }: SinkRecord): Message {
    return {
      key: Buffer.from(key),
      value: Buffer.from(value),
      partition: partitionOf(key, this.#partitionCounts.get(topic) ?? 1),
      timestamp: String(Math.trunc(timestampMs)),
      headers,
    };
  }

  /** One for each partition that the letters lie in. */
  #notes(batch: readonly Outgoing[]): Message[] {
    const { run, nowMs } = this.#options;
    const lists = new Map<number, DeadLetter[]>();
    for (const { letter } of batch) {
      lists.set(letter.partition, [...(lists.get(letter.partition) ?? []), letter]);
    }
    return [...lists].map(([partition, letters]) => ({
      ...{ key: null, partition },
      ...encodeNote(letters, run, nowMs()),
    }));
  }
}

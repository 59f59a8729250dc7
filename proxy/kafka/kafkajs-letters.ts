// Dead letters → Kafka: one transaction brings letters to their own topics and notes in the dead-letter topic that it did. On kafkajs,
// with the sink's rules: after any error the sender is dead ([K-30]), and `fence` is what ends a predecessor ([K-20] 1). KAFKA.md [K-38]
// With delivery at-least-once there is no transaction: the notes follow the letters, and nobody is fenced. [K-42]

import type { Message, Producer, TopicMessages } from 'kafkajs';
import type { Part } from './client.js';
import { sinkError } from './client-errors.js';
import { type DeadLetter, encodeNote } from './dead-letter.js';
import type { Client } from './kafkajs-client.js';
import { producerOptions, sendAll } from './kafkajs-producer.js';
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
  /** All of them and their notes, or nothing; with at-least-once no note without its letters. `apart`: a request each, so that an error says which one. */
  send(batch: readonly Outgoing[], apart: boolean): Promise<void>;
  close(): void;
}

export interface LetterSenderOptions {
  client: Client;
  transactionalId: string;
  /** exactly-once unless told. */
  delivery?: 'exactly-once' | 'at-least-once';
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
  readonly #isTransactional: boolean;

  constructor(options: LetterSenderOptions) {
    this.#options = options;
    this.#isTransactional = options.delivery !== 'at-least-once';
    const { transactionalId } = options;
    const transactional = { transactionalId, transactionTimeout: transactionTimeoutMs };
    this.#producer = options.client.kafka.producer({
      ...producerOptions,
      ...(this.#isTransactional ? transactional : { idempotent: true }),
    });
  }

  fence(): Promise<void> {
    return this.#options.client.bounded('fence', async () => {
      await this.#producer.connect();
      if (!this.#isTransactional) return;
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
      const send = apart ? this.#sendApart : this.#sendTogether;
      if (!this.#isTransactional) return send.call(this, this.#producer, batch);
      const transaction = await this.#producer.transaction();
      await send.call(this, transaction, batch);
      await transaction.commit();
    });
  }

  close(): void {
    this.#options.client.close();
  }

  async #sendTogether(sender: Sender, batch: readonly Outgoing[]): Promise<void> {
    const letters = new Topics();
    for (const { record } of batch) letters.add(record.topic, this.#message(record));
    const named = letters.names;
    const notes = this.#isTransactional ? letters : new Topics();
    for (const note of this.#notes(batch)) notes.add(this.#options.deadTopic, note);
    for (const one of new Set([letters, notes])) {
      await sendAll(sender, one.part, timeoutMs).catch((error: unknown) => {
        throw this.#options.client.advice.oneOf(sinkError(error, 'transaction'), named);
      });
    }
  }

  async #sendApart(sender: Sender, batch: readonly Outgoing[]): Promise<void> {
    const send = async (topic: string, message: Message, at?: number) => {
      const sending = sendAll(sender, [{ topic, messages: [message] }], timeoutMs);
      await sending.catch((cause: unknown) => {
        const { kind, message: text } = sinkError(cause, 'transaction');
        throw new SinkError(kind, text, {
          ...{ cause, topic },
          ...(at === undefined ? {} : { record: at }),
        });
      });
    };
    const { deadTopic } = this.#options;
    const noted = async (letters: readonly Outgoing[]) => {
      for (const note of this.#notes(letters)) await send(deadTopic, note);
    };
    for (const [at, one] of batch.entries()) {
      await send(one.record.topic, this.#message(one.record), at);
      // Where no transaction takes it back, what was sent before another one is refused is noted.
      if (!this.#isTransactional) await noted([one]);
    }
    if (this.#isTransactional) await noted(batch);
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

type Sender = Pick<Producer, 'sendBatch'>;

class Topics {
  readonly #messages = new Map<string, Message[]>();

  add(topic: string, message: Message): void {
    const list = this.#messages.get(topic);
    if (list === undefined) this.#messages.set(topic, [message]);
    else list.push(message);
  }

  get names(): string[] {
    return [...this.#messages.keys()];
  }

  get part(): Part<Message> {
    return [...this.#messages].map(([topic, messages]): TopicMessages => ({ topic, messages }));
  }
}

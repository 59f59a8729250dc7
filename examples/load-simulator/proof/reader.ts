// The proof's reader, a process of its own: a read_committed consumer of Kafka that shares no code with the proxy but its login. It begins where the topics
// end when it starts, hands on what it finds as it comes, and answers `settle` once it has read what was committed by then.
// It keeps its place itself, so that a rebalance or a broker that was away takes and doubles nothing; its group commits nothing.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decoder } from 'cbor-x';
import { kafkajsSasl, openSecurity } from 'headwater/site';
import { type Admin, type Consumer, type EachBatchPayload, Kafka, logLevel } from 'kafkajs';
import { textHash } from '../text-hash.js';
import { readCompressed } from './codecs.js';
import {
  type FromReader,
  type Loss,
  type ReaderOrder,
  RecordWriter,
  type ToReader,
} from './messages.js';
import { prepareTopics } from './topics.js';

const decoder = new Decoder({ mapsAsObjects: true, useRecords: false });
const utf8 = new TextDecoder();
const triesMax = 100;
const againMs = 200;

class Reader {
  readonly #order: ReaderOrder;
  readonly #admin: Admin;
  readonly #consumer: Consumer;
  /** topic → partition → the offset that is read next. */
  readonly #next = new Map<string, Map<number, bigint>>();
  readonly #names = new Map<string, number>();
  readonly #writer = new RecordWriter();

  constructor(order: ReaderOrder) {
    this.#order = order;
    const { ssl, sasl } = openSecurity(order.login)();
    const kafka = new Kafka({
      clientId: 'headwater-simulate',
      brokers: order.brokers,
      ...(ssl === undefined ? {} : { ssl }),
      ...(sasl === undefined ? {} : { sasl: kafkajsSasl(sasl) }),
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3_000,
      requestTimeout: 10_000,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 6 },
    });
    this.#admin = kafka.admin();
    this.#consumer = kafka.consumer({
      groupId: `headwater-simulate-${randomBytes(6).toString('hex')}`,
      maxWaitTimeInMs: 500,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => true },
    });
  }

  async open(): Promise<void> {
    const { topic, loss, dead, create } = this.#order;
    await this.#admin.connect();
    const { missing, created } = await prepareTopics(this.#admin, [topic, loss], create);
    if (missing.length > 0) {
      say({ kind: 'missing', topics: missing });
      return;
    }
    const topics = [topic, loss];
    if ((await this.#admin.listTopics()).includes(dead)) topics.push(dead);
    for (const name of topics) this.#next.set(name, await this.#ends(name));
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics, fromBeginning: false });
    const { GROUP_JOIN, CRASH, END_BATCH_PROCESS } = this.#consumer.events;
    const joined = new Promise<void>((resolve) => {
      this.#consumer.on(GROUP_JOIN, () => {
        for (const [name, partitions] of this.#next) {
          for (const [partition, offset] of partitions) {
            this.#consumer.seek({ topic: name, partition, offset: String(offset) });
          }
        }
        resolve();
      });
    });
    this.#consumer.on(CRASH, ({ payload }) => {
      say({ kind: 'trouble', why: payload.error.message });
    });
    // Batches that held nothing for a reader, as the end of a transaction, move the place too.
    this.#consumer.on(END_BATCH_PROCESS, ({ payload: { topic: name, partition, lastOffset } }) => {
      this.#read(name, partition, BigInt(lastOffset ?? -1) + 1n);
    });
    await this.#consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 1,
      eachBatch: async (batch) => this.#take(batch),
    });
    await joined;
    say({ kind: 'ready', created });
  }

  async settle(): Promise<void> {
    for (const name of this.#next.keys()) {
      const ends = await this.#ends(name);
      for (const [partition, end] of ends) {
        while ((this.#next.get(name)?.get(partition) ?? end) < end) await sleep(10);
      }
    }
    say({ kind: 'settled' });
  }

  /** Where a reader of what is committed comes to its end. */
  async #ends(topic: string): Promise<Map<number, bigint>> {
    const offsets = await this.#asked(() => this.#admin.fetchTopicOffsets(topic));
    return new Map(offsets.map(({ partition, high }) => [partition, BigInt(high)]));
  }

  /** kafkajs gives up at once where a topic is young, or its leader has moved. */
  async #asked<T>(question: () => Promise<T>): Promise<T> {
    for (let left = triesMax; ; left--) {
      try {
        return await question();
      } catch (error) {
        if (left === 0 || (error as { retriable?: boolean }).retriable !== true) throw error;
        await sleep(againMs);
      }
    }
  }

  #read(topic: string, partition: number, next: bigint): void {
    const partitions = this.#next.get(topic);
    if (partitions !== undefined && next > (partitions.get(partition) ?? 0n)) {
      partitions.set(partition, next);
    }
  }

  #take({ batch }: EachBatchPayload): void {
    const atMs = performance.timeOrigin + performance.now();
    const { topic, partition } = batch;
    const from = this.#next.get(topic)?.get(partition) ?? 0n;
    const found: Extract<FromReader, { kind: 'records' }> = {
      ...{ kind: 'records', atMs, names: [], records: new Uint8Array(), losses: [] },
      ...{ letters: [], unreadable: [], others: 0 },
    };
    for (const message of batch.messages) {
      if (BigInt(message.offset) < from) continue;
      const device = message.key === null ? '' : utf8.decode(message.key);
      if (!device.startsWith(this.#order.namePrefix)) found.others++;
      else this.#one(topic, device, message, found);
    }
    found.records = this.#writer.take();
    this.#read(topic, partition, BigInt(batch.lastOffset()) + 1n);
    say(found);
  }

  #one(
    topic: string,
    device: string,
    message: EachBatchPayload['batch']['messages'][number],
    found: Extract<FromReader, { kind: 'records' }>,
  ): void {
    const header = (name: string) => `${message.headers?.[name] ?? ''}`;
    const id = header('hw-id');
    if (topic === this.#order.dead) {
      found.letters.push({ device, id, why: header('hw-why') });
      return;
    }
    const match = /^(\d+)\/(\d+)$/.exec(id);
    if (match === null) found.unreadable.push({ device, topic });
    else if (topic === this.#order.loss) found.losses.push(lossOf(device, message.value));
    else {
      let number = this.#names.get(device);
      if (number === undefined) {
        number = this.#names.size;
        this.#names.set(device, number);
        found.names.push(device);
      }
      const [boot, seq] = [Number(match[1]), Number(match[2])];
      const timestampMs = Number(message.timestamp);
      this.#writer.add({ device: number, boot, seq, hash: this.#hash(message.value), timestampMs });
    }
  }

  #hash(value: Uint8Array | null): number {
    if (value === null) return 0;
    return textHash(
      this.#order.value === 'cbor' ? JSON.stringify(decoder.decode(value)) : utf8.decode(value),
    );
  }
}

function lossOf(device: string, value: Uint8Array | null): Loss {
  const { boot, from, to, reason } = JSON.parse(utf8.decode(value ?? new Uint8Array()));
  return { device, boot, from, to, reason };
}

function say(message: FromReader): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  say({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
}

let reader: Reader | undefined;
// What can't be read now can't be read later either.
readCompressed((why) => fail(new Error(why)));
process.on('message', (message: ToReader) => {
  if (message.kind === 'order') {
    reader = new Reader(message.order);
    reader.open().catch(fail);
  } else reader?.settle().catch(fail);
});
// It has nothing to keep: whoever asked is gone.
process.on('disconnect', () => process.exit());
// A signal of the terminal is for the simulator, which needs the reader to its end.
process.on('SIGINT', () => {});

import type { Position } from '../../proxy/journal/record.js';
import { sinkError } from '../../proxy/kafka/client-errors.js';
import { partitionOf } from '../../proxy/kafka/partition.js';
import {
  claimKey,
  newestState,
  positionKey,
  positionTopicOf,
} from '../../proxy/kafka/position-topic.js';
import {
  type Claim,
  type KafkaSink,
  type LaneState,
  SinkError,
  type SinkRecord,
} from '../../proxy/kafka/sink.js';
import { BrokerError, type Entry, type ModelBroker } from './model-broker.js';
import type { ModelNetwork, Step } from './model-network.js';
import type { Life } from './scheduler.js';

// A KafkaSink that speaks to the model as kafkajs-sink.ts to Kafka: the same requests in the same order, the same waits, and after a
// send that failed a sequence number that is given to the next one, as kafkajs does.

export interface ModelSinkOptions {
  site: string;
  lane: number;
  life: Life;
  broker: ModelBroker;
  network: ModelNetwork;
  requestTimeoutMs?: number;
  transactionTimeoutMs?: number;
  deadlineMs?: number;
  /** What is wrong with it, to see whether somebody notices. */
  defects?: SinkDefects;
}

export interface SinkDefects {
  /** Takes the epoch that is there, as kafkajs's `connect`. */
  fencesNobody?: boolean;
  /** Reads up to the last stable offset, as it is. */
  readsToStable?: boolean;
  /** Goes on with the producer of the sink before. */
  reused?: Producer;
  /** The position comes in a transaction of its own, behind the records. */
  positionApart?: boolean;
}

/** kafkajs's part: an epoch, and the numbers of what was sent. */
export interface Producer {
  epoch: number | null;
  sequences: Map<string, number>;
}

const patienceBeforeFenceMs = 500;
const patienceAfterFenceMs = 5_000;
const positionPartitions = 16;
const retries = 20;
const retryMaxMs = 500;

class NoAnswer extends Error {}

export function createModelSink(options: ModelSinkOptions): KafkaSink {
  return new ModelSink(options);
}

class ModelSink implements KafkaSink {
  readonly #options: ModelSinkOptions;
  readonly #topic: string;
  readonly #id: string;
  readonly #defects: SinkDefects;
  readonly #producer: Producer;
  #hasFenced = false;
  #dead: SinkError | null = null;
  readonly #aborts = new Set<(error: SinkError) => void>();

  constructor(options: ModelSinkOptions) {
    this.#options = options;
    this.#topic = positionTopicOf(options.site);
    this.#id = `headwater-${options.site}-${options.lane}`;
    this.#defects = options.defects ?? {};
    this.#producer = this.#defects.reused ?? { epoch: null, sequences: new Map() };
  }

  read(): Promise<LaneState> {
    return this.#bounded('read', async () => {
      const { broker, lane } = this.#options;
      await this.#ask('ask', () => broker.createTopic(this.#topic, positionPartitions));
      const until = await this.#stableEnd();
      const entries = await this.#ask('ask', () => broker.fetch(this.#topic, lane, until));
      const messages = entries.map(({ key, value }) => ({
        key: key === null ? null : Buffer.from(key),
        value: Buffer.from(value),
      }));
      const { position = null, claim = null } = newestState(messages as never, lane);
      return { position, claim };
    });
  }

  fence(claim: Claim): Promise<void> {
    return this.#sending('fence', async () => {
      await this.#initialise();
      this.#hasFenced = true;
      await this.#commit([this.#own(claimKey(claim.lane), claim)]);
    });
  }

  transaction(records: readonly SinkRecord[], position: Position, isApart = false): Promise<void> {
    return this.#sending('transaction', async () => {
      const placed: Placed[] = [];
      for (const record of records) {
        const partitions = await this.#partitions(record.topic);
        const partition = partitionOf(record.key, partitions);
        const { topic, key, value, headers } = record;
        const timestampMs = Math.trunc(record.timestampMs);
        placed.push({ topic, partition, entry: { key, value, headers, timestampMs } });
      }
      const own = this.#own(positionKey(position.lane), position);
      if (!this.#defects.positionApart) await this.#commit([...placed, own], isApart);
      else {
        await this.#commit(placed);
        await this.#commit([own]);
      }
    });
  }

  checkTopics(topics: readonly string[]): Promise<void> {
    return this.#bounded('read', async () => {
      for (const topic of topics) await this.#partitions(topic);
    });
  }

  async close(): Promise<void> {
    const closed = new SinkError('unreachable', 'this sink was closed');
    this.#dead ??= closed;
    for (const abort of this.#aborts) abort(closed);
  }

  #partitions(topic: string): Promise<number> {
    return this.#ask('ask', () => this.#options.broker.partitions(topic));
  }

  async #stableEnd(): Promise<number> {
    const { broker, lane, life } = this.#options;
    const { end, stable: first } = await this.#ask('ask', () => broker.ends(this.#topic, lane));
    if (this.#defects.readsToStable) return first;
    const patienceMs = this.#hasFenced ? patienceAfterFenceMs : patienceBeforeFenceMs;
    const untilMs = life.scheduler.nowMs + patienceMs;
    for (;;) {
      const { stable } = await this.#ask('ask', () => broker.ends(this.#topic, lane));
      if (stable >= end) return stable;
      if (life.scheduler.nowMs > untilMs) {
        if (!this.#hasFenced) return stable;
        throw new SinkError('unreachable', "somebody's open transaction hides the position");
      }
      await life.sleep(10);
    }
  }

  async #initialise(): Promise<void> {
    const { broker, transactionTimeoutMs = 15_000 } = this.#options;
    const { reused, fencesNobody } = this.#defects;
    const producer = this.#producer;
    if (reused !== undefined && producer.epoch !== null) {
      // Its transaction may be open still.
      const { epoch } = producer;
      const end = () => broker.endTxn(this.#id, epoch, false);
      await this.#ask('endTxn', end).catch(() => {});
      return;
    }
    const ask = fencesNobody ? 'epochOf' : 'initProducerId';
    producer.epoch = await this.#ask('init', () => broker[ask](this.#id, transactionTimeoutMs));
    producer.sequences.clear();
  }

  /** One transaction, and nothing behind an error: kafkajs can't abort it then. */
  async #commit(placed: readonly Placed[], isApart = false): Promise<void> {
    const { broker } = this.#options;
    const { epoch, sequences } = this.#producer;
    if (epoch === null) throw new Error('a transaction before the fence');
    const batches = new Map<string, { topic: string; partition: number; entries: Entry[] }>();
    for (const [at, { topic, partition, entry }] of placed.entries()) {
      const name = isApart ? `${at}` : `${topic} ${partition}`;
      const batch = batches.get(name);
      if (batch === undefined) batches.set(name, { topic, partition, entries: [entry] });
      else batch.entries.push(entry);
    }
    const wanted = new Map(
      placed.map(({ topic, partition }): [string, [string, number]] => {
        return [`${topic} ${partition}`, [topic, partition]];
      }),
    );
    await this.#ask('addPartitions', () =>
      broker.addPartitions(this.#id, epoch, [...wanted.values()]),
    );
    for (const [at, batch] of [...batches.values()].entries()) {
      const name = `${batch.topic} ${batch.partition}`;
      const sequence = sequences.get(name) ?? 0;
      await this.#ask('produce', () =>
        broker.produce(this.#id, epoch, { ...batch, sequence }),
      ).catch((error: unknown) => {
        if (!isApart) throw error;
        const { kind, message } = sinkError(error, 'transaction');
        throw new SinkError(kind, message, { cause: error, record: at });
      });
      // Only here: a send that failed has its number given to the next one.
      sequences.set(name, sequence + batch.entries.length);
    }
    await this.#ask('endTxn', () => broker.endTxn(this.#id, epoch, true));
  }

  #own(key: string, value: Position | Claim): Placed {
    const { lane, broker } = this.#options;
    const bytes = Buffer.from(JSON.stringify(value));
    const entry = {
      key: Buffer.from(key),
      value: bytes,
      timestampMs: broker.nowMs,
      headers: {},
    };
    return { topic: this.#topic, partition: lane, entry };
  }

  /** A request, and again where that is what kafkajs does. */
  async #ask<T>(step: Step, carryOut: () => T): Promise<T> {
    let waitMs = 5;
    for (let left = retries; ; left--) {
      try {
        return await this.#once(step, carryOut);
      } catch (error) {
        const isAgain =
          error instanceof NoAnswer
            ? step !== 'endTxn'
            : error instanceof BrokerError && error.type === 'CONCURRENT_TRANSACTIONS';
        if (!isAgain || left === 0 || this.#dead !== null) throw error;
        await this.#options.life.sleep(waitMs);
        waitMs = Math.min(waitMs * 1.3, retryMaxMs);
      }
    }
  }

  #once<T>(step: Step, carryOut: () => T): Promise<T> {
    const { life, network, requestTimeoutMs = 5_000 } = this.#options;
    if (this.#dead !== null) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const cancel = life.after(requestTimeoutMs, () => reject(new NoAnswer('no answer')));
      network.send(
        life,
        step,
        carryOut,
        (outcome) => {
          cancel();
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.value);
        },
        () => {
          cancel();
          reject(new Error('connection refused'));
        },
      );
    });
  }

  async #sending(phase: 'fence' | 'transaction', work: () => Promise<void>): Promise<void> {
    if (this.#dead !== null) throw this.#dead;
    try {
      await this.#bounded(phase, work);
    } catch (error) {
      this.#dead = sinkError(error, phase);
      throw this.#dead;
    }
  }

  async #bounded<T>(phase: 'read' | 'fence' | 'transaction', work: () => Promise<T>): Promise<T> {
    const { life, deadlineMs = 10_000 } = this.#options;
    if (phase === 'read' && this.#dead !== null) throw this.#dead;
    let settle = () => {};
    const limit = new Promise<never>((_resolve, reject) => {
      const late = () => reject(sinkError(new Error('no answer in time'), phase));
      const cancel = life.after(deadlineMs, late);
      this.#aborts.add(reject);
      settle = () => {
        cancel();
        this.#aborts.delete(reject);
      };
    });
    try {
      return await Promise.race([work(), limit]);
    } catch (error) {
      throw sinkError(error, phase);
    } finally {
      settle();
    }
  }
}

interface Placed {
  topic: string;
  partition: number;
  entry: Entry;
}

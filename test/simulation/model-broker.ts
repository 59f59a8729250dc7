import type { Scheduler } from './scheduler.js';

// What Kafka keeps and how it answers, as far as a lane can tell: partitions with their two ends, transactional ids with epochs and
// sequence numbers, transactions whose markers come behind the answer, the abort by time-out. A request is carried out at once, or
// throws with Kafka's name of the error. That it is Kafka that is modelled, test/kafka-sink/ judges.

export interface Entry {
  key: Uint8Array | null;
  value: Uint8Array;
  timestampMs: number;
  headers: Record<string, string>;
}

interface Kept extends Entry {
  transaction: Transaction;
  /** A marker takes an offset too. */
  isControl: boolean;
}

interface Partition {
  kept: Kept[];
  /** The last stable offset, when it was looked for last. */
  stable: number;
}

interface Transaction {
  state: 'open' | 'committing' | 'aborting' | 'committed' | 'aborted';
  partitions: Set<Partition>;
  /** Where its marker is. */
  marked: Set<Partition>;
}

interface Writer {
  epoch: number;
  timeoutMs: number;
  transaction: Transaction | null;
  last: Transaction | null;
  /** Per partition, in this epoch: the number that is expected, and the batches that it knows again. */
  sequences: Map<Partition, { next: number; known: { sequence: number; count: number }[] }>;
}

export class BrokerError extends Error {
  override name = 'BrokerError';
  /** Kafka's name. */
  readonly type: string;
  readonly topic: string | undefined;
  constructor(type: string, topic?: string) {
    super(topic === undefined ? type : `${type} (${topic})`);
    this.type = type;
    this.topic = topic;
  }
}

/** Kafka refuses what is further ahead of its clock. */
const aheadMaxMs = 3_600_000;
/** How many batches of a writer a partition knows again. */
const batchesKnown = 5;
/** How often the coordinator looks for transactions past their time. */
const lookMs = 200;

export class ModelBroker {
  readonly #scheduler: Scheduler;
  /** Of its clock, at the scheduler's 0. */
  readonly #wallMs: number;
  readonly #topics = new Map<string, Partition[]>();
  readonly #writers = new Map<string, Writer>();
  readonly forbidden = new Set<string>();
  /** How long until a marker is in a partition. */
  markerDelayMs: () => number = () => 1;
  aborts = 0;

  constructor(scheduler: Scheduler, wallMs: number) {
    this.#scheduler = scheduler;
    this.#wallMs = wallMs;
  }

  createTopic(topic: string, partitions: number): void {
    if (this.#topics.has(topic)) return;
    const made = Array.from({ length: partitions }, () => ({ kept: [], stable: 0 }));
    this.#topics.set(topic, made);
  }

  partitions(topic: string): number {
    if (this.forbidden.has(topic)) throw new BrokerError('TOPIC_AUTHORIZATION_FAILED', topic);
    return this.#topic(topic).length;
  }

  /** Answers the epoch; while a transaction of the id ends, it is to be asked again. */
  initProducerId(id: string, timeoutMs: number): number {
    const writer = this.#writers.get(id) ?? newWriter();
    this.#writers.set(id, writer);
    if (writer.transaction?.state === 'open') this.#abort(writer);
    if (writer.transaction !== null) throw new BrokerError('CONCURRENT_TRANSACTIONS');
    writer.epoch++;
    writer.timeoutMs = timeoutMs;
    writer.sequences.clear();
    return writer.epoch;
  }

  /** For a client that fences nobody. */
  epochOf(id: string, timeoutMs: number): number {
    return this.#writers.get(id)?.epoch ?? this.initProducerId(id, timeoutMs);
  }

  addPartitions(id: string, epoch: number, wanted: readonly [string, number][]): void {
    const writer = this.#writer(id, epoch);
    const { transaction } = writer;
    if (transaction !== null && transaction.state !== 'open') {
      throw new BrokerError('CONCURRENT_TRANSACTIONS');
    }
    const found = wanted.map(([topic, number]) => {
      if (this.forbidden.has(topic)) throw new BrokerError('TOPIC_AUTHORIZATION_FAILED', topic);
      return this.#partition(topic, number);
    });
    const open = transaction ?? this.#begin(writer);
    for (const partition of found) open.partitions.add(partition);
  }

  produce(
    id: string,
    epoch: number,
    batch: { topic: string; partition: number; sequence: number; entries: readonly Entry[] },
  ): void {
    const writer = this.#writer(id, epoch);
    const partition = this.#partition(batch.topic, batch.partition);
    const { transaction } = writer;
    if (transaction?.state !== 'open' || !transaction.partitions.has(partition)) {
      throw new BrokerError('INVALID_TXN_STATE');
    }
    const latestMs = this.nowMs + aheadMaxMs;
    if (batch.entries.some(({ timestampMs }) => timestampMs > latestMs)) {
      throw new BrokerError('INVALID_TIMESTAMP', batch.topic);
    }
    const count = batch.entries.length;
    const sequences = writer.sequences.get(partition) ?? { next: 0, known: [] };
    writer.sequences.set(partition, sequences);
    const isKnown = (one: { sequence: number }) => one.sequence === batch.sequence;
    // Kafka takes it for the one that it has, whatever is in it.
    if (sequences.known.some(isKnown)) return;
    if (batch.sequence !== sequences.next) throw new BrokerError('OUT_OF_ORDER_SEQUENCE_NUMBER');
    sequences.next += count;
    sequences.known.push({ sequence: batch.sequence, count });
    if (sequences.known.length > batchesKnown) sequences.known.shift();
    for (const entry of batch.entries) {
      partition.kept.push({ ...entry, transaction, isControl: false });
    }
  }

  endTxn(id: string, epoch: number, commits: boolean): void {
    const writer = this.#writer(id, epoch);
    const { transaction } = writer;
    if (transaction === null) {
      if (writer.last?.state === (commits ? 'committed' : 'aborted')) return;
      throw new BrokerError('INVALID_TXN_STATE');
    }
    if (transaction.state !== 'open') throw new BrokerError('CONCURRENT_TRANSACTIONS');
    this.#end(writer, commits ? 'committing' : 'aborting');
  }

  /** One past the last offset, and the first offset of what is still open. */
  ends(topic: string, number: number): { end: number; stable: number } {
    const partition = this.#partition(topic, number);
    return { end: partition.kept.length, stable: this.#stable(partition) };
  }

  /** What a read_committed consumer gets, below an offset. */
  fetch(topic: string, number: number, until = Number.POSITIVE_INFINITY): Entry[] {
    const partition = this.#partition(topic, number);
    const stable = Math.min(this.#stable(partition), until);
    return partition.kept.slice(0, stable).filter(({ isControl, transaction }) => {
      return !isControl && isCommitted(transaction);
    });
  }

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  get nowMs(): number {
    return this.#wallMs + this.#scheduler.nowMs;
  }

  #writer(id: string, epoch: number): Writer {
    const writer = this.#writers.get(id);
    if (writer === undefined) throw new BrokerError('INVALID_PRODUCER_ID_MAPPING');
    if (writer.epoch !== epoch) throw new BrokerError('INVALID_PRODUCER_EPOCH');
    return writer;
  }

  #begin(writer: Writer): Transaction {
    const transaction: Transaction = {
      state: 'open',
      partitions: new Set(),
      marked: new Set(),
    };
    writer.transaction = transaction;
    const beganMs = this.#scheduler.nowMs;
    const look = () => {
      if (transaction.state !== 'open') return;
      if (this.#scheduler.nowMs - beganMs >= writer.timeoutMs) this.#abort(writer);
      else this.#scheduler.after(lookMs, look);
    };
    this.#scheduler.after(writer.timeoutMs, look);
    return transaction;
  }

  /** By a fence, or by its time: nobody goes on under the epoch before. */
  #abort(writer: Writer): void {
    this.aborts++;
    writer.epoch++;
    writer.sequences.clear();
    this.#end(writer, 'aborting');
  }

  #end(writer: Writer, state: 'committing' | 'aborting'): void {
    const transaction = writer.transaction!;
    transaction.state = state;
    const mark = (partition: Partition) => {
      const control = { key: null, value: new Uint8Array(), timestampMs: this.nowMs, headers: {} };
      partition.kept.push({ ...control, transaction, isControl: true });
      transaction.marked.add(partition);
      if (transaction.marked.size < transaction.partitions.size) return;
      transaction.state = state === 'committing' ? 'committed' : 'aborted';
      writer.transaction = null;
      writer.last = transaction;
    };
    for (const partition of transaction.partitions) {
      this.#scheduler.after(this.markerDelayMs(), () => mark(partition));
    }
  }

  #stable(partition: Partition): number {
    const { kept } = partition;
    for (let at = partition.stable; at < kept.length; at++) {
      const { transaction, isControl } = kept[at]!;
      if (!isControl && !transaction.marked.has(partition)) break;
      partition.stable = at + 1;
    }
    return partition.stable;
  }

  #topic(topic: string): Partition[] {
    const found = this.#topics.get(topic);
    if (found === undefined) throw new BrokerError('UNKNOWN_TOPIC_OR_PARTITION', topic);
    return found;
  }

  #partition(topic: string, number: number): Partition {
    const found = this.#topic(topic)[number];
    if (found === undefined) throw new BrokerError('UNKNOWN_TOPIC_OR_PARTITION', topic);
    return found;
  }
}

function newWriter(): Writer {
  return { epoch: -1, timeoutMs: 0, transaction: null, last: null, sequences: new Map() };
}

function isCommitted({ state }: Transaction): boolean {
  return state === 'committing' || state === 'committed';
}

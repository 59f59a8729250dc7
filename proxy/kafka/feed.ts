// journal → batch: what the lane commits next, cut to its limits, never beyond the journal's last
// completed fsync. KAFKA.md [K-2] to [K-4]
//
//     committed │ batch in flight │ batch ahead │ read, not yet cut │ synced, not yet read │ unsynced
//               position                                            cursor                 end

import type { Clock } from '../clock.js';
import type { Dropped, Located, Position } from '../journal/record.js';
import type { SinkRecord } from './sink.js';

/** The journal as a lane reads it. Offsets are the journal's own: those of Located and Position. */
export interface LaneReader {
  /** Offset of the first record that is still held. */
  begin(): Promise<number>;
  /**
   * Records that begin at or after `from` and end at or before `until`, in order, all lanes; at
   * least one where there is one, about `bytesMax` at most. `next` is where to go on reading.
   */
  read(
    from: number,
    until: number,
    bytesMax: number,
  ): Promise<{ located: Located[]; next: number }>;
  /** The record that begins at `offset`; null where none does. */
  at(offset: number): Promise<Located | null>;
  /** [J-33] Is what stands there the record that the position names, and damaged? */
  isDamagedAt?(position: Position): Promise<boolean>;
}

export interface BatchLimits {
  /** Kafka records in a transaction; a block is never divided, so the last may go over. */
  recordsMax: number;
  /** Keys, values and headers of a transaction. Kafka takes 1 MB per partition by default. */
  bytesMax: number;
  /** How long the first record waits for others. */
  lingerMs: number;
  /** Journal records that give Kafka records; small while a poisoned one is looked for. */
  blocksMax: number;
  /** Of the journal, that gave no records: an idle lane then moves its position. */
  passedBytesMax: number;
}

export interface Batch {
  records: SinkRecord[];
  topics: string[];
  /** Events per device. */
  committed: [device: string, events: number][];
  /** Events that damage took from the journal. */
  dropped: Dropped[];
  /** Names the last journal record that is covered. */
  position: Position;
  /** The journal records in it that gave Kafka records. */
  blocks: Located[];
}

export interface FeedOptions {
  lane: number;
  journalId: string;
  from: number;
  reader: LaneReader;
  toRecords(located: Located): SinkRecord[];
  limits: BatchLimits;
  clock: Clock;
}

export interface Feed {
  /** Everything below `end` is durable. */
  syncedEnd(end: number): void;
  /** The next batch, when there is one; null once closed. One at a time. */
  take(): Promise<Batch | null>;
  close(): void;
}

const readBytesMax = 262_144;
/** Worth a read before the linger is over: it may fill a batch. */
const readBytesEnough = 16_384;
/** What Kafka adds to a record, roughly. */
const recordOverheadBytes = 40;

export function createFeed(options: FeedOptions): Feed {
  return new JournalFeed(options);
}

class JournalFeed implements Feed {
  readonly #options: FeedOptions;
  #cursor: number;
  #end: number;
  #closed = false;
  /** Read and not yet cut: at most one read's worth. */
  #waiting: Located[] = [];
  #wake = () => {};

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#cursor = options.from;
    this.#end = options.from;
  }

  syncedEnd(end: number): void {
    if (end <= this.#end) return;
    this.#end = end;
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async take(): Promise<Batch | null> {
    const { limits, clock } = this.#options;
    const cut = new Cut(this.#options);
    let lingersUntilMs: number | null = null;
    while (!this.#closed) {
      const next = this.#waiting[0];
      if (next !== undefined) {
        if (!cut.add(next)) return cut.batch();
        this.#waiting.shift();
        if (cut.full) return cut.batch();
      } else if (this.#cursor < this.#end) {
        lingersUntilMs ??= clock.monotonicMs() + limits.lingerMs;
        const leftMs = lingersUntilMs - clock.monotonicMs();
        // A little at a time, each read would cost as much as that of all of it.
        if (leftMs > 0 && this.#end - this.#cursor < readBytesEnough) {
          await this.#more(leftMs);
          continue;
        }
        try {
          await this.#read();
        } catch (error) {
          // What was read before goes first.
          if (cut.empty) throw error;
          return cut.batch();
        }
      } else if (cut.empty && cut.passedBytes < limits.passedBytesMax) {
        lingersUntilMs = null;
        await this.#more(null);
      } else {
        lingersUntilMs ??= clock.monotonicMs() + limits.lingerMs;
        const leftMs = lingersUntilMs - clock.monotonicMs();
        if (leftMs <= 0) return cut.batch();
        await this.#more(leftMs);
      }
    }
    return null;
  }

  async #read(): Promise<void> {
    const end = this.#end;
    const { located, next } = await this.#options.reader.read(this.#cursor, end, readBytesMax);
    this.#waiting.push(...located);
    // A reader that can't go on before more is synced answers where it stands.
    if (next > this.#cursor) this.#cursor = next;
    else await this.#more(null);
  }

  /** Until more is synced, the feed is closed or the time has passed. */
  #more(delayMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const cancel = delayMs === null ? () => {} : this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** A batch in the making. */
class Cut {
  readonly #options: FeedOptions;
  readonly #records: SinkRecord[] = [];
  readonly #topics = new Set<string>();
  readonly #counts = new EventCounts();
  readonly #blocks: Located[] = [];
  #last: Located | null = null;
  #bytes = 0;
  passedBytes = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  get empty(): boolean {
    return this.#records.length === 0;
  }

  get full(): boolean {
    const { recordsMax, bytesMax, blocksMax } = this.#options.limits;
    return (
      this.#records.length >= recordsMax ||
      this.#bytes >= bytesMax ||
      this.#blocks.length >= blocksMax
    );
  }

  /** False where it belongs into the next batch. */
  add(located: Located): boolean {
    const { lane, toRecords, limits } = this.#options;
    const records = located.lane === lane ? toRecords(located) : [];
    const bytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    const over =
      this.#records.length + records.length > limits.recordsMax ||
      this.#bytes + bytes > limits.bytesMax;
    if (over && !this.empty && records.length > 0) return false;
    this.#last = located;
    if (records.length === 0) {
      this.passedBytes += located.end - located.offset;
      return true;
    }
    for (const record of records) {
      this.#records.push(record);
      this.#topics.add(record.topic);
    }
    this.#bytes += bytes;
    this.#blocks.push(located);
    this.#counts.add(located, records);
    return true;
  }

  batch(): Batch {
    const last = this.#last;
    if (last === null) throw new Error('a batch of nothing');
    return {
      records: this.#records,
      topics: [...this.#topics],
      committed: this.#counts.committed,
      dropped: this.#counts.dropped,
      blocks: this.#blocks,
      position: positionOf(last, this.#options.lane, this.#options.journalId),
    };
  }
}

/** A block's Kafka records are its events; a loss record is none, and says how many damage took. */
export class EventCounts {
  readonly #committed = new Map<string, number>();
  readonly #dropped = new Map<string, number>();

  add({ record }: Located, records: readonly SinkRecord[]): void {
    if (record.kind !== 'block' && record.kind !== 'loss') return;
    const { device } = record;
    let events = record.kind === 'block' ? records.length : 0;
    for (const { dropped } of records) {
      if (dropped === undefined) continue;
      if (record.kind === 'block') events--;
      this.#dropped.set(device, (this.#dropped.get(device) ?? 0) + dropped);
    }
    if (events > 0) this.#committed.set(device, (this.#committed.get(device) ?? 0) + events);
  }

  get committed(): [device: string, events: number][] {
    return [...this.#committed];
  }

  get dropped(): Dropped[] {
    return [...this.#dropped].map(([device, events]) => [device, 'damaged', events]);
  }
}

function positionOf(located: Located, lane: number, journal: string): Position {
  const { generation, offset, end, check } = located;
  return { lane, journal, generation, offset, end, check };
}

function bytesOf(record: SinkRecord): number {
  let bytes = recordOverheadBytes + record.key.length + record.value.length;
  for (const name in record.headers) bytes += name.length + (record.headers[name]?.length ?? 0);
  return bytes;
}

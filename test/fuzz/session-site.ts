import { ByKafka, byJournal } from '../../proxy/acknowledged.js';
import { decodeBlock } from '../../proxy/block.js';
import type { BlockRecord, LossRecord } from '../../proxy/journal/record.js';
import { type StreamTable, Tables } from '../../proxy/table.js';
import { MemoryJournal } from '../proxy/memory-journal.js';
import { site } from '../proxy/talk.js';
import { check } from './target.js';

// The site around fuzzed sessions, and what it knows apart from them: what an fsync made durable and what Kafka has, told from the records
// alone; that each record follows the one before it; that the books balance.

export type AckMode = 'journal' | 'kafka';

export class SessionSite {
  readonly site: ReturnType<typeof site>;
  readonly #mode: AckMode;
  #kafka: ByKafka | null = null;
  readonly #tables = new Tables();
  #checked = 0;
  #synced = 0;
  #buffered = 0;
  /** What may be acknowledged, by device and boot. */
  readonly #ends = new Map<string, number>();
  /** Up to where Kafka has the records, as their number. */
  #committed = 0;

  constructor(mode: AckMode) {
    this.#mode = mode;
    const journal = new MemoryJournal();
    const limits = { windowEvents: 64, windowBytes: 4_096 };
    this.site = site(limits, journal, (its, clock) => {
      if (mode === 'journal') return byJournal(its);
      this.#kafka = new ByKafka(its, clock);
      return this.#kafka;
    });
  }

  /** Everything below it may be told to the device that it may be forgotten. */
  durableBelow(device: string, boot: number): number {
    return this.#ends.get(`${boot} ${device}`) ?? 0;
  }

  /** A completed fsync; also a commit in Kafka of what was synced before, if that is what an ACK waits for. */
  sync(): void {
    const { journal, books } = this.site;
    const fresh = journal.records.slice(this.#synced);
    this.#synced = journal.records.length;
    for (const record of fresh) {
      if (record.kind === 'table') continue;
      books.synced(record);
      if (record.kind === 'block') this.#buffered += record.first + record.count - record.from;
      if (this.#mode === 'journal') this.#note(record);
    }
    journal.sync();
  }

  /** Kafka has all that was synced. */
  commit(): void {
    const { journal } = this.site;
    if (this.#kafka === null || this.#synced === this.#committed) return;
    const offset = this.#synced - 1;
    for (const record of journal.records.slice(this.#committed, this.#synced)) {
      if (record.kind !== 'table') this.#note(record);
    }
    this.#committed = this.#synced;
    const position = { journal: journal.id, generation: 1, lane: 0, check: 0 };
    this.#kafka.committed({ ...position, offset, end: offset + 1 });
  }

  fail(): void {
    this.site.journal.fail();
    this.#checked = Math.min(this.#checked, this.site.journal.records.length);
  }

  #note(record: BlockRecord | LossRecord): void {
    const end = record.kind === 'block' ? record.first + record.count : record.to;
    if (end === null) return;
    const key = `${record.boot} ${record.device}`;
    this.#ends.set(key, Math.max(end, this.#ends.get(key) ?? 0));
  }

  /** Of what was appended since it was asked last. */
  checkRecords(): void {
    const { records } = this.site.journal;
    for (const record of records.slice(this.#checked)) this.#checkRecord(record);
    this.#checked = records.length;
  }

  checkBooks(): void {
    const { balanced, received } = this.site.books.balance(this.#buffered);
    check(balanced, 'the books do not balance');
    check(received >= this.#buffered, 'less was received than waits');
  }

  #checkRecord(record: MemoryJournal['records'][number]): void {
    if (record.kind === 'table') {
      check(typeof this.#decode(record.device, record.id) !== 'string', 'a table that is none');
      return;
    }
    const { boot, from, arrivalMs } = record;
    check(boot > 0 && boot < 2 ** 32, 'a boot that there is not');
    check(Number.isSafeInteger(arrivalMs), 'a time that is none');
    if (record.kind === 'loss') {
      check(record.to === null || (record.to > from && record.to <= 2 ** 32), 'an empty range');
      return;
    }
    const { first, count, offsetMs, lastTimeMs, bytes, device, table } = record;
    check(first <= from && from < first + count && first + count <= 2 ** 32, 'seqs out of order');
    check(Number.isFinite(offsetMs) && Number.isFinite(lastTimeMs), 'a time that is none');
    const streams = this.#decode(device, table);
    const block = decodeBlock(bytes, typeof streams === 'string' ? null : streams, count);
    check(block.kind === 'events', 'a block in the journal that can not be decoded');
  }

  #decode(device: string, id: string): StreamTable | string {
    const held = this.site.journal.table(device, id);
    return held === null ? 'there is none' : this.#tables.decode(id, held.bytes);
  }
}

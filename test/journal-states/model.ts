import * as assert from 'uvu/assert';
import { createBooks } from '../../proxy/books.js';
import { crc32 } from '../../proxy/crc32.js';
import { recordBytes } from '../../proxy/journal/format.js';
import type { Journal, Place } from '../../proxy/journal/journal.js';
import { laneOf } from '../../proxy/journal/lane.js';
import { encodePayload } from '../../proxy/journal/payload.js';
import type { DeviceRecord, Located, Position } from '../../proxy/journal/record.js';

// The oracle: what a journal was told and what it acknowledged, in plain lists. After each recovery it
// says what must be there, what may be there, and takes over what is.
//
//   log      | removed, confirmed … | acknowledged … |     then a beginning of `waiting`, or of one
//                                                          list in `limbo`, or nothing

export interface Entry {
  record: DeviceRecord;
  text: string;
  /** How many there were when it was appended. */
  lanes: number;
  /** Where it lies, once it was read. */
  at: Position | null;
}

/** The most that a sequence asks for. */
export const lanesMax = 3;

let versions = 0;

export class Model {
  log: Entry[] = [];
  /** Appended and not acknowledged. */
  waiting: Entry[] = [];
  /** Dropped by a failed sync: they may lie on the disk until another group is synced. */
  limbo: Entry[][] = [];
  /** Kafka's word, by lane. */
  confirmed = new Map<number, Position>();
  /** What a recovered journal knew of it: that may not be forgotten again. */
  confirmedAtLeast = new Map<number, Position>();
  /** `device boot` that a HELLO no longer listed. */
  wished = new Set<string>();
  /** Forgotten, and synced. */
  gone = new Set<string>();
  generation = 0;
  /** Numbers what is appended, so that no two records are alike. */
  serial = 0;
  /** Changes when what a recovery must find does. */
  version = 0;
  /** Those at work, and since when there are so many. */
  lanes = 1;
  lanesSince = 0;

  copy(): Model {
    const copy = new Model();
    copy.lanes = this.lanes;
    copy.lanesSince = this.lanesSince;
    copy.log = [...this.log];
    copy.waiting = [...this.waiting];
    copy.limbo = [...this.limbo];
    copy.confirmed = new Map(this.confirmed);
    copy.confirmedAtLeast = new Map(this.confirmedAtLeast);
    copy.wished = new Set(this.wished);
    copy.gone = new Set(this.gone);
    copy.generation = this.generation;
    copy.serial = this.serial;
    copy.version = this.version;
    return copy;
  }

  appended(record: DeviceRecord): void {
    this.waiting.push({ record, text: textOf(record), lanes: this.lanes, at: null });
  }

  /** A sync completed: all but the last of them, of which pendingBytes tells. */
  synced(journal: Journal): void {
    this.#changed();
    let count = this.waiting.length;
    for (let left = journal.pendingBytes; left > 0; ) {
      const { record } = this.waiting[--count]!;
      left -= recordBytes(encodePayload(record).length);
      assert.ok(left >= 0, 'pendingBytes');
    }
    for (const entry of this.waiting.splice(0, count)) {
      assert.ok(isDurable(journal, entry.record), `synced and not durable: ${entry.text}`);
      this.log.push(entry);
    }
    for (const { record } of this.waiting) {
      const isTail = record.kind === 'loss' && record.to === null;
      assert.ok(isTail || !isDurable(journal, record), 'durable too early');
    }
    this.generation = journal.generation;
    this.limbo = [];
    for (const key of this.wished) {
      const [device, boot] = key.split(' ');
      if (!journal.places(device!)?.has(Number(boot))) this.gone.add(key);
    }
  }

  failed(): void {
    this.#changed();
    this.limbo.push(this.waiting);
    this.waiting = [];
  }

  /** The records of the journal as a reader sees them: notes where they lie. */
  located(read: readonly Located[], journal: string): void {
    const first = read[0] === undefined ? -1 : this.#find(textOf(read[0].record as DeviceRecord));
    for (const [index, one] of read.entries()) {
      const entry = this.log[first + index];
      if (first < 0 || entry === undefined) return;
      entry.at ??= positionOf(one, journal);
    }
  }

  /** The check after a recovery; `read` is all that its reader gives below the synced end. */
  recovered(journal: Journal, read: readonly Located[], wanted: number): void {
    this.#changed();
    assert.ok(journal.generation > this.generation, 'a generation was given out twice');
    // On a full disk it may have none yet that a segment carries.
    if (journal.writable) this.generation = journal.generation;
    assert.is(journal.pendingBytes, 0);
    const removed = this.#checkLog(read, journal);
    this.#checkLanes(journal, wanted);
    this.#checkConfirmed(journal, removed);
    this.#checkPlaces(journal);
    this.#checkTables(journal);
    this.waiting = [];
    this.limbo = [];
  }

  /** What replay and checkpoint must have made of the books. */
  checkBooks(books: ReturnType<typeof createBooks>, journal: Journal): void {
    const expected = createBooks();
    for (const { record, at } of this.log) {
      expected.synced(record);
      if (record.kind !== 'block' || at === null || !isConfirmed(journal, at)) continue;
      const { lane } = at;
      expected.confirmed(lane, [[record.device, record.first + record.count - record.from]]);
    }
    const rows = (from: typeof books) =>
      [...from.devices()].sort().map((device) => JSON.stringify([device, from.account(device)]));
    assert.is(rows(books).join('\n'), rows(expected).join('\n'), 'books');
  }

  #changed(): void {
    this.version = ++versions;
  }

  #find(text: string): number {
    return this.log.findIndex((entry) => entry.text === text);
  }

  /** Answers how many records at the log's beginning are no longer there. */
  #checkLog(read: readonly Located[], journal: Journal): number {
    const texts = read.map(({ record }) => textOf(record as DeviceRecord));
    const found = texts.length === 0 ? -1 : this.#find(texts[0]!);
    const removed = found < 0 ? this.log.length : found;
    const { length } = this.log;
    if (found < 0 && texts.length > 0) {
      const mayStandAlone = this.#mayFollow(texts);
      assert.ok(mayStandAlone, `invented or out of order: ${texts[0]}`);
    }
    for (let index = removed; index < length; index++) {
      const entry = this.log[index]!;
      assert.is(texts[index - removed], entry.text, `acknowledged and lost: record ${index}`);
    }
    const more = texts.slice(length - removed);
    assert.ok(this.#mayFollow(more), `invented: ${more.join(' ')}`);
    for (const text of more) this.log.push(this.#candidate(text));
    for (const [index, one] of read.entries()) {
      const entry = this.log[removed + index]!;
      const at = positionOf(one, journal.id);
      if (entry.at !== null) assert.equal(at, entry.at, 'a record moved');
      entry.at = at;
      assert.is(one.lane, laneOf(entry.record.device, entry.lanes));
    }
    return removed;
  }

  /** [J-6] As many as are wanted where nothing waits, and else those under which something does. */
  #checkLanes(journal: Journal, wanted: number): void {
    const open = this.log.filter(
      ({ record, at }) => record.kind !== 'table' && at !== null && !isConfirmed(journal, at),
    );
    assert.is(journal.lanes, open[0]?.lanes ?? wanted, 'lanes');
    for (const { lanes, at } of open) {
      assert.is(lanes, journal.lanes, 'records wait under two numbers of lanes');
      assert.ok(
        at!.offset >= journal.lanesSince,
        'a record waits below the place where its lanes begin',
      );
    }
    this.lanes = journal.lanes;
    this.lanesSince = journal.lanesSince;
  }

  #mayFollow(texts: readonly string[]): boolean {
    return [this.waiting, ...this.limbo].some((list) =>
      texts.every((text, index) => list[index]?.text === text),
    );
  }

  #candidate(text: string): Entry {
    const found = [this.waiting, ...this.limbo].flat().find((entry) => entry.text === text)!;
    return { ...found };
  }

  #checkConfirmed(journal: Journal, removed: number): void {
    for (let lane = 0; lane < lanesMax; lane++) {
      const confirmed = journal.confirmed(lane);
      const atLeast = this.confirmedAtLeast.get(lane);
      const atMost = this.confirmed.get(lane);
      if (atLeast !== undefined) {
        assert.ok((confirmed?.offset ?? -1) >= atLeast.offset, 'a confirmation was forgotten');
      }
      if (confirmed === null) continue;
      assert.ok(atMost !== undefined && confirmed.offset <= atMost.offset, 'confirmed too much');
      this.confirmedAtLeast.set(lane, confirmed);
      const entry = this.log.find(({ at }) => at?.offset === confirmed.offset);
      assert.equal(entry?.at, confirmed, 'confirmed what was not there');
      const isHeld = this.log.indexOf(entry!) >= removed;
      const isOfNow = lane < this.lanes && confirmed.offset >= this.lanesSince;
      assert.ok(isHeld || !isOfNow, 'the confirmed record was removed');
    }
    for (const { record, at } of this.log.slice(0, removed)) {
      // Lanes that begin behind it are given it at their start.
      const isPassedTable =
        record.kind === 'table' && (at === null || at.offset < journal.lanesSince);
      const isPassed = at !== null && isConfirmed(journal, at);
      assert.ok(isPassed || isPassedTable, 'removed early');
    }
  }

  #checkPlaces(journal: Journal): void {
    const expected = new Map<string, Place & { device: string; last: Position }>();
    for (const { record, at } of this.log) {
      if (record.kind === 'table') continue;
      const key = `${record.device} ${record.boot}`;
      const before = expected.get(key);
      if (before !== undefined) before.last = at!;
      if (before !== undefined) before.ended = record.kind === 'loss' && record.to === null;
      const end = record.kind === 'block' ? record.first + record.count : record.to;
      if (end === null) continue;
      assert.ok(before === undefined || before.durable === record.from, 'not in order');
      const { device, boot } = record;
      const place = before ?? {
        ...{
          device,
          boot,
          received: 0,
          durable: 0,
          fingerprint: null,
          lastTimeMs: 0,
          offsetMs: null,
          ended: false,
        },
        last: at!,
      };
      place.received = end;
      place.durable = end;
      if (record.kind === 'block') {
        if (record.first === 0 && record.from === 0) place.fingerprint ??= crc32(record.bytes);
        place.lastTimeMs = record.lastTimeMs;
        if (record.quality !== 'unknown') place.offsetMs = record.offsetMs;
      }
      expected.set(key, place);
    }
    for (const [key, { device, last, ...place }] of expected) {
      const found = journal.places(device)?.get(place.boot);
      if (found !== undefined) {
        assert.equal(found, place);
        assert.not.ok(this.gone.has(key), `${key} was forgotten and came back`);
        continue;
      }
      assert.ok(this.wished.has(key), `the place ${key} is lost`);
      assert.ok(isConfirmed(journal, last), `${key} was forgotten early`);
      this.gone.add(key);
    }
    for (const device of journal.devices()) {
      for (const boot of journal.places(device)!.keys()) {
        assert.ok(expected.has(`${device} ${boot}`), `the place ${device} ${boot} is invented`);
      }
    }
  }

  #checkTables(journal: Journal): void {
    this.#addUnread(journal.tables());
    const texts = (records: readonly DeviceRecord[]) => records.map(textOf).sort();
    const expected = this.log.map(({ record }) => record).filter(({ kind }) => kind === 'table');
    assert.equal(texts(journal.tables()), texts(expected));
  }

  /** Where other lanes begin behind tables that were never acknowledged, their segment is gone before it can be read. */
  #addUnread(tables: readonly DeviceRecord[]): void {
    const unread = tables.map(textOf).filter((text) => this.#find(text) < 0);
    const first = (list: readonly Entry[]) => list.slice(0, unread.length);
    const isOfUnread = ({ text }: Entry) => unread.includes(text);
    const found = [this.waiting, ...this.limbo].find((list) => first(list).every(isOfUnread));
    this.log.push(...first(found ?? []).map((entry) => ({ ...entry })));
  }
}

function isConfirmed(journal: Journal, { lane, offset }: Position): boolean {
  return offset <= (journal.confirmed(lane)?.offset ?? -1);
}

function isDurable(journal: Journal, record: DeviceRecord): boolean {
  if (record.kind === 'table') return journal.table(record.device, record.id)?.durable === true;
  const end = record.kind === 'block' ? record.first + record.count : record.to;
  // Of "tail unknown" no place tells.
  if (end === null) return true;
  return (journal.places(record.device)?.get(record.boot)?.durable ?? -1) >= end;
}

export function positionOf(located: Located, journal: string): Position {
  const { lane, generation, offset, end, check } = located;
  return { lane, journal, generation, offset, end, check };
}

export function textOf(record: DeviceRecord): string {
  const { kind, device } = record;
  switch (kind) {
    case 'table':
      return `table ${device} ${record.id} ${base64(record.bytes)}`;
    case 'loss': {
      const { boot, from, to, reason, arrivalMs } = record;
      return `loss ${device} ${boot} ${from} ${to} ${reason} ${arrivalMs}`;
    }
    case 'block': {
      const { boot, first, count, from, table, arrivalMs, offsetMs, lastTimeMs, quality } = record;
      const time = `${arrivalMs} ${offsetMs} ${lastTimeMs} ${quality}`;
      return `block ${device} ${boot} ${first} ${count} ${from} ${table} ${time} ${base64(record.bytes)}`;
    }
  }
}

function base64({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

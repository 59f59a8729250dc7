import { type Books, createBooks } from '../../proxy/books.js';
import { type Journal, openJournal } from '../../proxy/journal/journal.js';
import { JournalReader } from '../../proxy/journal/reader.js';
import type { BlockRecord, DeviceRecord, Located, LossRecord } from '../../proxy/journal/record.js';
import type { SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import { folder, StillClock } from '../proxy/journal/still-clock.js';
import type { Random } from '../random.js';
import { type Model, positionOf, textOf } from './model.js';

// One process's time with a journal on a simulated disk: what sessions and lanes do to it, drawn at
// random and told to the model. Nothing happens between two turns of the event loop.

export interface Shape {
  bytesMax: number;
  segmentBytes: number;
  pendingBytesMax: number;
  keepCommittedMs: number;
}

const devices = ['press-01', 'press-02', 'kiln', 'é'];

export class Life {
  readonly journal: Journal;
  readonly books: Books;
  readonly model: Model;
  /** What a reader gave after the recovery. */
  found: readonly Located[] = [];
  readonly #disk: SimulatedDisk;
  readonly #clock: StillClock;
  readonly #random: Random;

  private constructor(
    journal: Journal,
    books: Books,
    parts: { disk: SimulatedDisk; clock: StillClock; random: Random; model: Model },
  ) {
    this.journal = journal;
    this.books = books;
    this.model = parts.model;
    this.#disk = parts.disk;
    this.#clock = parts.clock;
    this.#random = parts.random;
    journal.onSynced(() => this.model.synced(journal));
    journal.onFailed(() => this.model.failed());
  }

  /** Opens, and checks what was recovered against the model. */
  static async begin(
    disk: SimulatedDisk,
    model: Model,
    shape: Shape,
    random: Random,
    lanes = model.lanes,
  ): Promise<Life> {
    const clock = new StillClock(random.fork());
    const books = createBooks();
    const options = { folder, disk: disk.disk, clock, books, lanes, ...shape };
    const journal = await openJournal(options);
    const life = new Life(journal, books, { disk, clock, random, model });
    life.found = await life.read();
    model.recovered(journal, life.found, lanes);
    model.checkBooks(books, journal);
    return life;
  }

  /** All that a reader gives below the synced end. */
  async read(): Promise<Located[]> {
    const reader = new JournalReader({ folder, disk: this.#disk.disk });
    const all: Located[] = [];
    let next = await reader.begin();
    const until = this.journal.syncedEnd;
    while (next < until) {
      const batch = await reader.read(next, until, 700);
      all.push(...batch.located);
      next = batch.next;
    }
    await reader.close();
    return all.filter(({ record }) => record.kind !== 'confirm' && record.kind !== 'forget');
  }

  /** All that it was asked after the recovery, as text. */
  answers(): string {
    const { journal } = this;
    const devices = [...journal.devices()].sort();
    const lanes = Array.from({ length: journal.lanes }, (_, lane) => journal.confirmed(lane));
    const { id, syncedEnd, writable } = journal;
    return JSON.stringify([
      ...[id, syncedEnd, writable, lanes, this.books.snapshot()],
      journal.tables().map(textOf),
      devices.map((device) => [device, [...journal.places(device)!.values()]]),
      this.found.map((one) => [textOf(one.record as DeviceRecord), positionOf(one, id)]),
    ]);
  }

  /** What a session does: in the middle of a call to the disk too. */
  append(): void {
    const { journal, model } = this;
    const record = this.#record();
    if (journal.append(record)) {
      const isKnown = record.kind === 'table' && model.waiting.concat(model.log).some(isSame);
      if (!isKnown) model.appended(record);
    }
    function isSame({ record: other }: { record: DeviceRecord }): boolean {
      if (other.kind !== 'table' || record.kind !== 'table') return false;
      return other.device === record.device && other.id === record.id;
    }
  }

  /** What a lane does: it reads up to the synced end and confirms some of it. */
  async confirm(): Promise<void> {
    const { journal, model } = this;
    const read = await this.read();
    model.located(read, journal.id);
    this.#confirm(read, this.#random.below(model.lanes), false);
  }

  /** All lanes have caught up: several segments may go at once. */
  async confirmAll(): Promise<void> {
    const { journal, model } = this;
    const read = await this.read();
    model.located(read, journal.id);
    for (let lane = 0; lane < model.lanes; lane++) this.#confirm(read, lane, true);
  }

  #confirm(read: readonly Located[], lane: number, isAll: boolean): void {
    const { journal, model } = this;
    // As a lane at its start: from what the journal knows, which a crash may have set back.
    const before = journal.confirmed(lane)?.offset ?? -1;
    const open = read.filter((one) => one.lane === lane && one.offset > before);
    if (open.length === 0) return;
    const taken = open.slice(0, isAll ? open.length : 1 + this.#random.below(open.length));
    const committed = new Map<string, number>();
    for (const { record } of taken) {
      if (record.kind !== 'block') continue;
      const events = record.first + record.count - record.from;
      committed.set(record.device, (committed.get(record.device) ?? 0) + events);
    }
    const position = positionOf(taken.at(-1)!, journal.id);
    journal.confirm(position, [...committed]);
    const highest = model.confirmed.get(lane)?.offset ?? -1;
    if (position.offset > highest) model.confirmed.set(lane, position);
  }

  /** What a HELLO does that no longer lists a boot. */
  forget(): void {
    const device = this.#random.pick(devices);
    const boots = [...(this.journal.places(device)?.keys() ?? [])];
    if (boots.length === 0) return;
    const boot = this.#random.pick(boots);
    this.model.wished.add(`${device} ${boot}`);
    this.journal.forget(device, [boot]);
  }

  runTimers(): void {
    this.#clock.runTimers();
  }

  #record(): DeviceRecord {
    const random = this.#random;
    const serial = ++this.model.serial;
    const device = random.pick(devices);
    if (random.chance(0.1)) {
      const id = random.pick(['00', '11', '22']).repeat(8);
      return { kind: 'table', device, id, bytes: random.bytes(1 + random.below(60)) };
    }
    const boot = this.#boot(device, serial);
    const received = this.journal.places(device)?.get(boot)?.received ?? 0;
    if (random.chance(0.15)) return this.#loss(device, boot, received, serial);
    const overlap = Math.min(received, random.below(3));
    const first = received - overlap;
    const count = overlap + 1 + random.below(4);
    const block: BlockRecord = {
      ...{ kind: 'block', device, boot, first, count, from: received, table: '00'.repeat(8) },
      ...{ arrivalMs: serial, offsetMs: random.below(9) - 4.5, lastTimeMs: random.below(1e6) },
      quality: random.pick(['synced', 'estimated', 'unknown']),
      bytes: random.bytes(4 + random.below(random.chance(0.1) ? 700 : 90)),
    };
    return block;
  }

  #loss(device: string, boot: number, from: number, serial: number): LossRecord {
    const isTail = this.#random.chance(0.3);
    const to = isTail ? null : from + 1 + this.#random.below(5);
    const reason = isTail
      ? 'tail-unknown'
      : this.#random.pick(['overflow', 'undecodable'] as const);
    return { kind: 'loss', device, boot, from, to, reason, arrivalMs: serial };
  }

  /** Numbers that were forgotten are not used again: their devices have ended them. */
  #boot(device: string, serial: number): number {
    const boots = [...(this.journal.places(device)?.keys() ?? [])];
    if (boots.length > 0 && this.#random.chance(0.85)) return this.#random.pick(boots);
    return boots.length < 3 ? serial : boots[0]!;
  }
}

import type { DiskLock } from '../disk.js';
import { Backoff } from './backoff.js';
import { errorCode, errorText, isFull } from './error.js';
import { hex } from './format.js';
import type { Journal, JournalOptions, JournalTrouble, Place, Synced } from './journal.js';
import { committedTimes } from './kept.js';
import { type LaneCount, laneOf } from './lane.js';
import { Lazy } from './lazy.js';
import { Live } from './live.js';
import { lockedError } from './open.js';
import { type Entry, entryOf, Queue } from './queue.js';
import type {
  DeviceRecord,
  Dropped,
  JournalRecord,
  Position,
  TableId,
  TableRecord,
} from './record.js';
import type { Recovered } from './recovery.js';
import { Retention, type Sealed, type Wanted } from './retention.js';
import { groupRecordBytesMax, SegmentWriter } from './segment-writer.js';
import type { Segment } from './segments.js';
import type { State } from './state.js';

// The journal of a folder, open for writing. One loop (`#run`) makes every call to the disk:
//
//   append ──► queue ──► group: write, sync ──► state, places' durable, onSynced
//                          │ failed
//                          └──► received falls back, onFailed; another segment, after a pause
//
// Invariants: one group in flight; nothing is synced above `syncedEnd`; a segment in which a write
// or a sync failed is never touched again; every byte of `queue` is counted in `pendingBytes`.

/** After ENOSPC a new segment waits for this much room, so that it isn't full at once. */
const freeBytesWanted = 4 << 20;
/** So much goes to the disk at once. */
const groupBytesEnough = 65_536;
/** The longest that a segment stays beyond its time on an idle site. */
const dueLookMs = 3_600_000;

export class FileJournal implements Journal {
  readonly id: string;
  readonly lanes: number;
  readonly lanesSince: number;
  readonly bytesMax: number;
  readonly pendingBytesMax: number;
  readonly #options: JournalOptions;
  readonly #idBytes: Uint8Array;
  readonly #lock: DiskLock;
  readonly #state: State;
  readonly #live: Live;
  readonly #queue = new Queue();
  readonly #lazy: Lazy;
  readonly #backoff: Backoff;
  readonly #retention: Retention;
  readonly #segmentBytes: number;
  readonly #onSynced: ((synced: Synced) => void)[] = [];
  readonly #onFailed: ((error: Error) => void)[] = [];
  readonly #onWritable: ((writable: boolean) => void)[] = [];
  #writer: SegmentWriter | null = null;
  #generation: number;
  #syncedEnd: number;
  #failure: { text: string; isFull: boolean } | null = null;
  #full = false;
  #writableBefore = true;
  #closing: Promise<void> | null = null;
  #running: Promise<void> | null = null;
  #again = false;
  #groupBeganMs = Number.NEGATIVE_INFINITY;
  #cancelGroupWait: (() => void) | null = null;
  #cancelDue: (() => void) | null = null;

  constructor(options: JournalOptions & LaneCount, recovered: Recovered, lock: DiskLock) {
    this.#options = options;
    this.#lock = lock;
    this.id = hex(recovered.id);
    this.#idBytes = recovered.id;
    this.lanes = options.lanes;
    this.lanesSince = options.lanesSince;
    this.bytesMax = options.bytesMax;
    const quarter = Math.floor(options.bytesMax / 4);
    this.#segmentBytes = Math.min(options.segmentBytes ?? 16 << 20, quarter);
    this.pendingBytesMax = options.pendingBytesMax ?? 8 << 20;
    this.#state = recovered.state;
    this.#live = new Live(recovered.state);
    this.#generation = recovered.generation;
    this.#syncedEnd = recovered.end;
    this.#lazy = new Lazy(options.clock, options.confirmDelayMs ?? 200, () => this.#wake());
    this.#backoff = new Backoff(options.clock, () => this.#wake());
    this.#retention = new Retention(options, recovered, this.#segmentBytes);
  }

  get generation(): number {
    return this.#generation;
  }
  get writable(): boolean {
    return this.trouble === null;
  }
  get trouble(): string | null {
    if (this.#closing !== null) return 'the journal is closed';
    if (this.#failure !== null) return this.#failure.text;
    if (!this.#full) return null;
    return (
      `${this.#options.folder}: the journal is full (${this.bytes} of ${this.bytesMax} bytes); ` +
      'it goes on when Kafka has taken events, or with a larger cap'
    );
  }
  get troubleKind(): JournalTrouble | null {
    if (this.#closing !== null) return 'closed';
    if (this.#failure !== null) return this.#failure.isFull ? 'no-space' : 'disk-error';
    return this.#full ? 'cap' : null;
  }
  get bytes(): number {
    return this.#retention.bytes + (this.#writer?.fileBytes ?? 0);
  }
  get keptBytes(): number {
    return this.#retention.keptBytes;
  }
  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }
  get syncedEnd(): number {
    return this.#syncedEnd;
  }

  places(device: string): ReadonlyMap<number, Readonly<Place>> | null {
    return this.#live.places(device);
  }
  newestOffset(device: string, boot: number): number | null {
    return this.#state.place(device, boot)?.lastOffset ?? null;
  }
  table(device: string, id: TableId): { bytes: Uint8Array; durable: boolean } | null {
    return this.#live.table(device, id);
  }
  tableCount(device: string): number {
    return this.#live.tableCount(device);
  }

  tables(): TableRecord[] {
    return this.#state.tableRecords();
  }
  devices(): IterableIterator<string> {
    return this.#live.devices();
  }

  append(record: DeviceRecord): boolean {
    if (!this.writable) return false;
    if (record.kind === 'table') {
      if (this.#live.table(record.device, record.id) !== null) return true;
    } else {
      if (this.#lazy.isForgetting(record.device, record.boot)) return false;
      this.#live.check(record);
    }
    const entry = entryOf(record, this.#laneOf(record));
    const pendingBytes = this.pendingBytes + entry.bytes;
    if (pendingBytes > this.pendingBytesMax && this.pendingBytes > 0) return false;
    if (this.#neededBytes + pendingBytes > this.bytesMax) {
      this.#full = true;
      this.#tellWritable();
      return false;
    }
    this.#live.take(record);
    if (record.kind !== 'table') this.#lazy.keep(record.device, record.boot);
    this.#queue.push(entry);
    this.#wakeForGroup();
    return true;
  }

  forget(device: string, boots: number[]): void {
    const places = this.#live.places(device);
    for (const boot of boots) if (places?.has(boot)) this.#lazy.forget(device, boot);
  }

  confirm(
    position: Position,
    committed: [device: string, events: number][],
    dropped: readonly Dropped[] = [],
  ): void {
    if (this.#closing !== null) return;
    if (position.journal !== this.id || position.end > this.#syncedEnd) {
      throw new RangeError(
        `journal: position ${position.offset}-${position.end} of journal ${position.journal} ` +
          `is none of ${this.id}, which is synced up to ${this.#syncedEnd}`,
      );
    }
    if (!this.#state.confirm(position)) return;
    this.#options.books?.confirmed(position.lane, committed, dropped);
    this.#lazy.confirm(position, committed, dropped);
    this.#notePassed();
    if (this.#canRemove()) this.#wake();
  }

  confirmed(lane: number): Position | null {
    return this.#state.confirmed.get(lane) ?? null;
  }
  waitsFrom(lane: number): number {
    return this.#state.waitsFrom(lane, this);
  }

  onSynced(listener: (synced: Synced) => void): void {
    this.#onSynced.push(listener);
  }
  onFailed(listener: (error: Error) => void): void {
    this.#onFailed.push(listener);
  }
  onWritable(listener: (writable: boolean) => void): void {
    this.#onWritable.push(listener);
  }

  /** Begins this opening's own segment. A full disk is waited for; all else refuses. */
  async start(segments: readonly Segment[]): Promise<void> {
    let failure: unknown = null;
    try {
      await this.#begin();
    } catch (error) {
      if (errorCode(error) === 'EEXIST') throw lockedError(this.#options.folder);
      if (!isFull(error)) throw error;
      failure = error;
    }
    if (!(await this.#lock.held())) {
      await this.#writer?.close();
      throw lockedError(this.#options.folder);
    }
    if (failure !== null) this.#pause(failure);
    await this.#noteKept(segments);
    await this.#checkpoint();
    this.#awaitDue();
    if (this.#writer === null) return;
    await this.#retention.reserve();
    await this.#retention.sweep();
  }

  /** [J-54] What was found and was passed before: since when, as far as the journal tells. */
  async #noteKept(segments: readonly Segment[]): Promise<void> {
    const { keepCommittedMs = 0 } = this.#options;
    const known = keepCommittedMs > 0 ? await committedTimes(this.#options, segments) : null;
    this.#notePassed(({ end }) => known?.(end) ?? null);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#lazy.stop();
    this.#cancelGroupWait?.();
    this.#cancelDue?.();
    this.#backoff.stop();
    // `#closing` is set once this function has first given way.
    await null;
    await this.#running;
    await this.#run();
    await this.#checkpoint();
    await this.#retention.close();
    await this.#writer?.close().catch(() => {});
    await this.#lock.release();
  }

  #wakeForGroup(): void {
    const waitMs = this.#groupWaitMs();
    if (waitMs <= 0) this.#wake();
    else {
      this.#cancelGroupWait ??= this.#options.clock.after(waitMs, () => {
        this.#cancelGroupWait = null;
        this.#wake();
      });
    }
  }

  /** [J-31] Two calls to the disk for each group, however small: where blocks come one by one, those of a moment share one. */
  #groupWaitMs(): number {
    const { groupIntervalMs = 0, clock } = this.#options;
    if (groupIntervalMs === 0 || this.#queue.pendingBytes >= groupBytesEnough) return 0;
    return this.#groupBeganMs + groupIntervalMs - clock.monotonicMs();
  }

  #wake(): void {
    this.#again = true;
    if (this.#closing === null) this.#running ??= this.#loop();
  }

  async #loop(): Promise<void> {
    // Begins after the present turn, so that its appends share a group.
    await null;
    while (this.#again) {
      this.#again = false;
      await this.#run();
    }
    this.#running = null;
    this.#awaitDue();
  }

  async #run(): Promise<void> {
    for (;;) {
      // Right before a group is taken, so that what is kept never makes the journal exceed its cap.
      for (
        let isFirst = true;
        this.#canRemove(isFirst) && !this.#backoff.resting;
        isFirst = false
      ) {
        await this.#checkpoint();
      }
      if (this.#writer === null && !(await this.#resume())) return;
      const { first } = this.#queue;
      if (first !== undefined && this.#isTooLong(first.bytes)) {
        await this.#rotate();
        continue;
      }
      if (first !== undefined && this.#closing === null && this.#groupWaitMs() > 0) {
        this.#wakeForGroup();
        return;
      }
      const group = this.#takeGroup();
      if (group.length === 0) return;
      this.#groupBeganMs = this.#options.clock.monotonicMs();
      await this.#write(group);
    }
  }

  #isTooLong(bytes: number): boolean {
    const writer = this.#writer;
    if (writer === null || !writer.hasRecords) return false;
    return writer.fileBytes + groupRecordBytesMax + bytes > this.#segmentBytes;
  }

  /** Everything that waits, as far as the segment has room. */
  #takeGroup(): Entry[] {
    const hasCompany = this.#queue.first !== undefined;
    const lazy = this.#lazy.take(hasCompany, (device, boot) => this.#mayForget(device, boot));
    const group = lazy.map((record) => entryOf(record, this.#laneOf(record)));
    let bytes = 0;
    for (const entry of group) bytes += entry.bytes;
    group.push(...this.#queue.take(bytes, (length) => this.#isTooLong(length)));
    return group;
  }

  #laneOf(record: JournalRecord): number {
    return record.kind === 'confirm' ? record.position.lane : laneOf(record.device, this.lanes);
  }

  /** Kafka has all of it, and nothing of it waits. Null: there is nothing to forget. */
  #mayForget(device: string, boot: number): boolean | null {
    const place = this.#live.places(device)?.get(boot);
    if (place === undefined) return null;
    const settled = this.#state.place(device, boot);
    if (settled === undefined || place.received !== place.durable) return false;
    // [J-45] Of a group the power may keep the forgetting and not the end, which waits behind it.
    if (place.ended !== settled.ended) return false;
    return this.#state.committed(device, settled, this);
  }

  async #write(group: Entry[]): Promise<void> {
    const writer = this.#writer!;
    const { clock, books } = this.#options;
    let written: { offset: number; end: number }[];
    try {
      written = await writer.write(group, this.#syncedEnd, clock.nowMs());
    } catch (error) {
      await this.#fail(error, true);
      return;
    }
    this.#backoff.succeeded();
    this.#queue.settle();
    this.#lazy.settled();
    const touched = new Map<string, Set<number>>();
    for (const [index, { record, lane }] of group.entries()) {
      const { offset } = written[index]!;
      const isNew = this.#state.apply(record, lane, offset);
      if (record.kind === 'confirm') continue;
      if (record.kind === 'forget') {
        this.#live.forget(record.device, record.boots);
        continue;
      }
      this.#live.settle(record, touched);
      if (isNew) books?.synced(record);
    }
    this.#syncedEnd = written.at(-1)!.end;
    const synced = { end: this.#syncedEnd, touched };
    for (const listener of this.#onSynced) listener(synced);
  }

  async #rotate(): Promise<void> {
    try {
      await this.#seal(false);
      await this.#begin();
    } catch (error) {
      await this.#fail(error, false);
      return;
    }
    await this.#checkpoint();
    await this.#retention.reserve();
  }

  /** The writer's segment ends at `syncedEnd`. */
  async #seal(isVoid: boolean): Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    this.#writer = null;
    this.#retention.seal(writer, this.#syncedEnd, isVoid);
    await writer.close().catch(() => {});
  }

  /** A new segment at `syncedEnd`, under a generation that was never used. */
  async #begin(): Promise<void> {
    const { disk, folder, clock } = this.#options;
    const header = {
      id: this.#idBytes,
      generation: ++this.#generation,
      lanes: this.lanes,
      start: this.#syncedEnd,
      createdMs: clock.nowMs(),
    };
    this.#writer = await SegmentWriter.create(disk, folder, header);
    this.#retention.begun();
  }

  async #checkpoint(): Promise<void> {
    // [J-63] A checkpoint without a segment would speak of segments that were lost.
    if (this.#writer === null && this.#retention.isEmpty) return;
    const lazy = this.#lazy.absorb();
    const wanted = this.#wanted();
    const { isWritten, error } = await this.#retention.checkpoint(
      {
        id: this.#idBytes,
        lanes: this.lanes,
        end: this.#syncedEnd,
        generation: this.#generation,
        writtenMs: wanted.nowMs,
        state: this.#state,
        books: this.#options.books?.snapshot() ?? null,
      },
      this.#state.neededFrom(this),
      wanted,
    );
    if (!isWritten) this.#lazy.giveBack(lazy);
    if (error !== null) this.#backoff.rest();
    this.#lookForRoom();
    this.#tellWritable();
  }

  /** [J-72] `inWriter`: a write or sync failed; otherwise a new segment could not be made. */
  async #fail(cause: unknown, inWriter: boolean): Promise<void> {
    await this.#seal(inWriter);
    this.#lazy.failed();
    this.#live.fallBack(this.#queue.drop());
    this.#lookForRoom();
    this.#pause(cause);
    const error = cause instanceof Error ? cause : new Error(String(cause));
    for (const listener of this.#onFailed) listener(error);
  }

  #pause(cause: unknown): void {
    const text =
      `${this.#options.folder}: writing failed (${errorText(cause)}); nothing is acknowledged ` +
      'until it works again';
    this.#failure = { text, isFull: isFull(cause) };
    this.#backoff.rest();
    this.#tellWritable();
  }

  /** After a pause: tries a new segment. */
  async #resume(): Promise<boolean> {
    const { disk, folder } = this.#options;
    if (this.#backoff.resting) return false;
    try {
      const wanted = Math.min(freeBytesWanted, this.#segmentBytes);
      if (this.#failure?.isFull === true && (await disk.freeBytes(folder)) < wanted) {
        throw Object.assign(new Error('no space left on the disk'), { code: 'ENOSPC' });
      }
      await this.#begin();
    } catch (error) {
      this.#pause(error);
      return false;
    }
    this.#failure = null;
    await this.#retention.sweep();
    this.#tellWritable();
    return true;
  }

  /** Full is left with some room, so that it does not come and go with each record. */
  #lookForRoom(): void {
    const wanted = this.#segmentBytes / 2;
    if (this.#neededBytes + this.pendingBytes + wanted <= this.bytesMax) this.#full = false;
  }

  /** [J-54] What is kept is no reason to refuse an event, unless the disk does not let it go now. */
  get #neededBytes(): number {
    return this.bytes - (this.#backoff.resting ? 0 : this.keptBytes);
  }

  #canRemove(isFirst = true): boolean {
    return this.#retention.canRemove(this.#state.neededFrom(this), this.#wanted(isFirst));
  }

  /** Room below the cap, and on a full disk one segment for each try. */
  #wanted(isFirst = true): Wanted {
    const over = this.bytes + this.pendingBytes + this.#segmentBytes / 2 - this.bytesMax;
    const free = isFirst && this.#failure?.isFull === true ? this.#segmentBytes : 0;
    return { nowMs: this.#options.clock.nowMs(), bytes: Math.max(0, over, free) };
  }

  #notePassed(since?: (segment: Sealed) => number | null): void {
    const neededFrom = this.#state.neededFrom(this);
    this.#retention.passed(neededFrom, this.#options.clock.nowMs(), since);
  }

  /** An idle site has no other reason to look. */
  #awaitDue(): void {
    const { dueMs } = this.#retention;
    if (dueMs === null || this.#closing !== null) return;
    const { clock } = this.#options;
    const delayMs = Math.min(Math.max(dueMs - clock.nowMs(), 1_000), dueLookMs);
    this.#cancelDue ??= clock.after(delayMs, () => {
      this.#cancelDue = null;
      this.#wake();
    });
  }

  #tellWritable(): void {
    const { writable } = this;
    if (writable === this.#writableBefore || this.#closing !== null) return;
    this.#writableBefore = writable;
    for (const listener of this.#onWritable) listener(writable);
  }
}

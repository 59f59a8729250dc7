import type { Disk, DiskFile } from '../disk.js';
import { type Checkpoint, readSlot, slotNames } from './checkpoint.js';
import type { OnDamage } from './damage.js';
import { errorCode, errorText, JournalError } from './error.js';
import { hex, recordHeaderBytes, type SegmentHeader } from './format.js';
import { Gaps } from './gaps.js';
import { type LaneCount, laneCountOf } from './lane.js';
import { openRecord } from './located.js';
import { recordType } from './payload.js';
import type { Located, Position, TableRecord } from './record.js';
import { listSegments, missing, newerFormat, type Segment, walkedOf } from './segments.js';
import { State } from './state.js';
import {
  behindDamage,
  findSyncedEnd,
  firstRecord,
  readHeaderAt,
  type Scan,
  scan,
  type Walked,
} from './walk.js';

// The reading side: lane workers, `headwater tail`, `headwater journal`. Opens the folder without
// the lock and writes nothing. Not for concurrent calls.
// Guarantees: below a synced end that the journal named, it reads every record once, in order; what is
// damaged is passed over and said ([J-33]). Above it (`end()`) it may see a group that is void later.

export type NewestSlot = Pick<Checkpoint, 'sequence' | 'end' | 'writtenMs' | 'voidGeneration'> & {
  name: string;
};

/** Records from `from` up to `until`, about `bytesMax` bytes of them at a time. */
export async function* batches(
  reader: Pick<JournalReader, 'read'>,
  from: number,
  until: number,
  bytesMax = 1 << 18,
): AsyncGenerator<Located[]> {
  for (let at = from; at < until; ) {
    const { located, next } = await reader.read(at, until, bytesMax);
    yield located;
    // Below a synced end a reader always gets on.
    if (next <= at) return;
    at = next;
  }
}

export class JournalReader {
  readonly #disk: Disk;
  readonly #folder: string;
  #segments: Segment[] = [];
  #known = new Map<string, SegmentHeader>();
  /** The extents in `#segments` are final below this. */
  #coveredEnd = -1;
  #open: { name: string; file: DiskFile } | null = null;
  /** What `end` found, to go on from. */
  #walked = { name: '', generation: 0, end: 0 };
  #rewound: number | null = null;
  readonly #onDamage: OnDamage;
  readonly #gaps = new Gaps((before) => this.#earlier(before));
  /** Where `read` was last. */
  #next = -1;
  /** No damage is unknown in this segment below `until`. */
  #looked = { name: '', until: 0 };

  constructor(options: { folder: string; disk: Disk; onDamage?: OnDamage }) {
    this.#disk = options.disk;
    this.#folder = options.folder;
    this.#onDamage = options.onDamage ?? (() => {});
  }

  /** The id of the journal there, 32 hex digits; null where none was begun. */
  async id(): Promise<string | null> {
    await this.#refresh();
    const first = this.#segments[0];
    return first === undefined ? null : hex(first.header.id);
  }

  /** The first offset that can be read. */
  async begin(): Promise<number> {
    await this.#refresh();
    return this.#segments[0]?.start ?? 0;
  }

  /** [J-6] */
  async laneCount(): Promise<LaneCount> {
    await this.#refresh();
    return laneCountOf(this.#segments) ?? { lanes: 1, lanesSince: 0 };
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  /** The beginning of the segment that holds the offset: records can be read from there. */
  async startBefore(offset: number): Promise<number> {
    await this.#refresh();
    return this.#find(offset)?.start ?? this.begin();
  }

  /** The segments, and when each was begun; the newest has no end. */
  async extents(): Promise<{ start: number; end: number | null; createdMs: number }[]> {
    await this.#refresh();
    return this.#segments.map(({ start, end, header }) => {
      return { start, end, createdMs: header.createdMs };
    });
  }

  /** Where to go on at the latest, if what the last but one `end` saw was void after all. */
  get rewound(): number | null {
    return this.#rewound;
  }

  /**
   * Where the valid records end, found by walking: for a reader without the journal at hand. The
   * newest group may not be synced yet; where its sync failed, `rewound` says so at the next call.
   */
  async end(): Promise<number> {
    await this.#refresh();
    const last = this.#segments.at(-1);
    if (last === undefined) return 0;
    const since = this.#segments.find(
      ({ generation, start }) => generation > this.#walked.generation && start < this.#walked.end,
    );
    this.#rewound = since?.start ?? null;
    let end = this.#walked.name === last.name ? this.#walked.end : last.start;
    for (;;) {
      const found = await this.#scan(last, end, Number.MAX_SAFE_INTEGER, 1 << 20);
      end = found.next;
      if (found.records.length > 0) continue;
      const behind = await this.#behindRot(last, end);
      if (behind === null) break;
      end = behind;
    }
    this.#walked = { name: last.name, generation: last.generation, end };
    return end;
  }

  /**
   * Records from `from` up to `until` (a synced end, or `end()`), about `bytesMax` bytes of them
   * and at least one where one is there. `next` is where to go on; it moves over what is no
   * record of a device too. Throws JournalError `gone` below `begin()`, `damaged` where bytes of a
   * file are missing.
   */
  async read(
    from: number,
    until: number,
    bytesMax: number,
  ): Promise<{ located: Located[]; next: number }> {
    if (until > this.#coveredEnd) {
      await this.#refresh();
      this.#coveredEnd = until;
    }
    if (from !== this.#next) await this.#jump(from);
    const located: Located[] = [];
    let next = from;
    let bytes = 0;
    while (next < until && bytes < bytesMax) {
      const segment = await this.#at(next);
      const limit = Math.min(until, segment.end ?? until);
      const found = await this.#scan(segment, next, limit, bytesMax - bytes);
      this.#openAll(found, segment, located);
      bytes += found.next - next;
      next = found.next;
      if (found.stopped !== 'invalid') continue;
      try {
        next = await this.#passOver(segment, next, limit);
      } catch (error) {
        // The next call begins there, and says so.
        if (located.length === 0) throw error;
        break;
      }
    }
    for (const one of located) {
      const lost = await this.#gaps.before(one);
      if (lost !== null) one.lost = lost;
    }
    this.#next = next;
    return { located, next };
  }

  /**
   * Is what stands at the offset the damaged record that the position names? Told from where it begins
   * and ends and, where that can be read, from its header's check.
   */
  async isDamagedAt({ offset, end, generation, check }: Position): Promise<boolean> {
    await this.#refresh();
    const segment = this.#find(offset);
    if (segment === null || segment.generation !== generation) return false;
    const walked = await this.#walkedOf(segment);
    const limit = segment.end ?? segment.start + (await walked.file.size());
    // It lies behind what is there: of a journal that has gone further than this copy.
    if (end > limit) return false;
    for (let at = segment.start; at <= offset; ) {
      const found = await this.#scan(segment, at, end, 1 << 20);
      at = found.next;
      if (found.stopped !== 'invalid') continue;
      // Up to the next valid record, wherever the position says that this one ends.
      const behind = await behindDamage(walked, at, limit);
      if (at === offset) {
        const header = await readHeaderAt(walked, offset);
        const isLongEnough = behind !== null && behind >= end;
        return isLongEnough && (header === null || header.check === check);
      }
      if (behind === null) return false;
      at = behind;
    }
    return false;
  }

  /** The record that starts at `offset`, if one does and its checks pass. */
  async at(offset: number): Promise<Located | null> {
    await this.#refresh();
    const segment = this.#find(offset);
    if (segment === null || offset !== firstRecord(segment.start, offset)) return null;
    const limit = segment.end ?? Number.MAX_SAFE_INTEGER;
    const { records } = await this.#scan(segment, offset, limit, recordHeaderBytes);
    const raw = records[0];
    return raw === undefined ? null : this.#openRecord(raw, segment);
  }

  /** All tables, from the newest checkpoint and the records behind it. */
  async readTables(): Promise<TableRecord[]> {
    return (await this.readState()).state.tableRecords();
  }

  /** The state at `end`, from the newest checkpoint and the records behind it. */
  async readState(): Promise<{ state: State; end: number; checkpoint: NewestSlot | null }> {
    let state = new State();
    let from = await this.begin();
    let checkpoint: NewestSlot | null = null;
    for (const name of slotNames) {
      const slot = await readSlot(this.#disk, `${this.#folder}/${name}`);
      if (slot === 'newer') throw newerFormat(`${this.#folder}/${name}`);
      if (typeof slot === 'string' || slot.end < from) continue;
      if (checkpoint !== null && slot.sequence < checkpoint.sequence) continue;
      const { sequence, end, writtenMs, voidGeneration } = slot;
      checkpoint = { name, sequence, end, writtenMs, voidGeneration };
      ({ state, end: from } = slot);
    }
    let end = await this.end();
    // [J-64] A sync of it failed there: what lies above counts for nothing.
    const isVoid = this.#segments.at(-1)?.generation === checkpoint?.voidGeneration;
    if (isVoid && checkpoint !== null) end = Math.min(end, checkpoint.end);
    while (from < end) {
      const { located, next } = await this.read(from, end, 1 << 20);
      for (const { record, lane, offset } of located) state.apply(record, lane, offset);
      from = next;
    }
    return { state, end, checkpoint };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.file.close();
  }

  /** Also what damage lies before, in this segment: a lane may have begun behind it. */
  async #jump(to: number): Promise<void> {
    this.#gaps.jumped(to);
    const segment = this.#find(to);
    if (segment === null) return;
    if (this.#looked.name === segment.name && to <= this.#looked.until) return;
    for (let at = segment.start; at < to; ) {
      const found = await this.#scan(segment, at, to, 1 << 20);
      at = found.next;
      if (found.stopped === 'invalid') at = await this.#passOver(segment, at, to);
    }
    this.#looked = { name: segment.name, until: to };
  }

  async #passOver(segment: Segment, offset: number, limit: number): Promise<number> {
    const file = `${this.#folder}/${segment.name}`;
    const end = await behindDamage(await this.#walkedOf(segment), offset, limit);
    if (end === null) throw missing(file, offset, limit);
    this.#gaps.damaged(offset);
    this.#onDamage({ file, what: 'record', offset, end });
    return end;
  }

  /** For `end`: where it goes on behind what is invalid; null where that is the end. */
  async #behindRot(segment: Segment, offset: number): Promise<number | null> {
    const walked = await this.#walkedOf(segment);
    if ((await walked.file.size()) <= offset - segment.start) return null;
    let syncedEnd = await findSyncedEnd(walked, offset);
    for (const name of slotNames) {
      const slot = await readSlot(this.#disk, `${this.#folder}/${name}`);
      if (typeof slot !== 'string') syncedEnd = Math.max(syncedEnd, slot.end);
    }
    return syncedEnd > offset ? behindDamage(walked, offset, syncedEnd) : null;
  }

  /** For `Gaps`: a segment's records, or what of them lies before. */
  async #earlier(before: number): Promise<{ from: number; located: Located[] } | null> {
    const segment = this.#segments.findLast(({ start }) => start < before);
    if (segment === undefined) return null;
    const located: Located[] = [];
    const limit = Math.min(before, segment.end ?? before);
    for (let at = segment.start; at < limit; ) {
      const found = await this.#scan(segment, at, limit, 1 << 20);
      this.#openAll(found, segment, located);
      at = found.next;
      if (found.stopped !== 'invalid') continue;
      at = (await behindDamage(await this.#walkedOf(segment), at, limit)) ?? limit;
    }
    return { from: segment.start, located };
  }

  #openAll(found: Scan, segment: Segment, located: Located[]): void {
    for (const raw of found.records) {
      if (raw.type === recordType.group) continue;
      const record = this.#openRecord(raw, segment);
      if (record !== null) located.push(record);
    }
  }

  #openRecord(raw: Scan['records'][number], { generation, name, header }: Segment): Located | null {
    const path = `${this.#folder}/${name}`;
    return openRecord(raw, { generation, path, journal: hex(header.id) });
  }

  async #at(offset: number): Promise<Segment> {
    const segment = this.#find(offset);
    if (segment !== null) return segment;
    const begin = this.#segments[0]?.start ?? 0;
    throw new JournalError(
      'gone',
      `${this.#folder}: offset ${offset} is no longer there; the journal begins at ${begin}`,
    );
  }

  /** The segment whose extent holds `offset`. */
  #find(offset: number): Segment | null {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    const segment = this.#segments[low];
    return segment === undefined || segment.start > offset ? null : segment;
  }

  async #refresh(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const { segments } = await listSegments(this.#disk, this.#folder, this.#known);
        this.#segments = segments;
        break;
      } catch (error) {
        if (errorCode(error) === 'ENOENT') {
          this.#segments = [];
          break;
        }
        if (!(error instanceof JournalError) && errorCode(error) !== undefined) {
          throw new JournalError(
            'disk',
            `${this.#folder}: the journal can't be read (${errorText(error)}); name a folder ` +
              'that this user may read',
            { cause: error },
          );
        }
        // A listing may race the journal's own doings: a segment half made, or just removed.
        if (attempt === 2 || !(error instanceof JournalError)) throw error;
      }
    }
    this.#known = new Map(this.#segments.map(({ name, header }) => [name, header]));
  }

  async #scan(segment: Segment, from: number, until: number, bytesMax: number): Promise<Scan> {
    return scan(await this.#walkedOf(segment), from, until, bytesMax);
  }

  async #walkedOf(segment: Segment): Promise<Walked> {
    const { name } = segment;
    if (this.#open?.name !== name) {
      await this.close();
      const path = `${this.#folder}/${name}`;
      try {
        this.#open = { name, file: await this.#disk.open(path, 'read') };
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
        throw new JournalError('gone', `${path} was removed while it was read`);
      }
    }
    return walkedOf(segment, this.#open!.file);
  }
}

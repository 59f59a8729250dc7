import type { Disk, DiskFile } from '../disk.js';
import { readSlot, slotNames } from './checkpoint.js';
import { errorCode, errorText, JournalError } from './error.js';
import { hex, idSeed, recordHeaderBytes, type SegmentHeader } from './format.js';
import { openRecord } from './located.js';
import { recordType } from './payload.js';
import type { Located, TableRecord } from './record.js';
import { listSegments, type Segment } from './segments.js';
import { State } from './state.js';
import { firstRecord, type Scan, scan } from './walk.js';

// The reading side: lane workers, `headwater tail`, `headwater journal`. Opens the folder without
// the lock and writes nothing. Not for concurrent calls.
// Guarantees: below a synced end that the journal named, it reads every record once, in order, or
// throws. Above it (`end()`) it may see records of a group that is void later.

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

  constructor(options: { folder: string; disk: Disk }) {
    this.#disk = options.disk;
    this.#folder = options.folder;
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
      if (found.records.length === 0) break;
      end = found.next;
    }
    this.#walked = { name: last.name, generation: last.generation, end };
    return end;
  }

  /**
   * Records from `from` up to `until` (a synced end, or `end()`), about `bytesMax` bytes of them
   * and at least one where one is there. `next` is where to go on; it moves over what is no
   * record of a device too. Throws JournalError `gone` below `begin()`, `damaged` on rot.
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
    const located: Located[] = [];
    let next = from;
    let bytes = 0;
    while (next < until && bytes < bytesMax) {
      const segment = await this.#at(next);
      const limit = Math.min(until, segment.end ?? until);
      const found = await this.#scan(segment, next, limit, bytesMax - bytes);
      if (found.stopped === 'invalid') throw this.#damaged(segment, found.next);
      this.#openAll(found, segment, located);
      bytes += found.next - next;
      next = found.next;
    }
    return { located, next };
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
    let state = new State();
    let from = await this.begin();
    let sequence = -1;
    for (const name of slotNames) {
      const slot = await readSlot(this.#disk, `${this.#folder}/${name}`);
      if (typeof slot === 'string' || slot.sequence < sequence || slot.end < from) continue;
      ({ state, sequence, end: from } = slot);
    }
    const until = await this.end();
    while (from < until) {
      const { located, next } = await this.read(from, until, 1 << 20);
      for (const { record, lane, offset } of located) {
        if (record.kind === 'table') state.apply(record, lane, offset);
      }
      from = next;
    }
    return state.tableRecords();
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.file.close();
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
    const { name, start, generation, header } = segment;
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
    const { file } = this.#open!;
    return scan({ file, start, generation, seed: idSeed(header.id) }, from, until, bytesMax);
  }

  #damaged({ name }: Segment, offset: number): JournalError {
    return new JournalError(
      'damaged',
      `${this.#folder}/${name}: the record at offset ${offset} is damaged; put the file back ` +
        'from a copy, or move the folder away to begin a new journal without its events',
    );
  }
}

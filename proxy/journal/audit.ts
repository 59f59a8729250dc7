import type { Disk } from '../disk.js';
import { readingDisk } from './audit-disk.js';
import { refusalOf } from './audit-opening.js';
import { Places, type Range } from './audit-places.js';
import { checkpointOf, newestOf, readSlots, type Slots, type Unreadable } from './audit-slots.js';
import type { Checkpoint } from './checkpoint.js';
import type { Damage } from './damage.js';
import { errorCode, errorText, JournalError, type JournalErrorKind } from './error.js';
import { hex } from './format.js';
import { recordType } from './payload.js';
import { JournalReader } from './reader.js';
import type { JournalRecord, Located } from './record.js';
import { type Listing, listSegments, type Segment, walkedOf } from './segments.js';
import { readHeaderAt } from './walk.js';

// Every record of every segment, and both checkpoints, read once with the reader that the lanes have: for
// `headwater journal verify`. Takes no lock and writes nothing. Beside a running proxy it sees what was synced when it came:
// what the journal did meanwhile (grew, began segments, let old ones go, gave up a group whose sync failed) is no finding.

/** What is not as it was written. */
export interface Finding extends Omit<Damage, 'what'> {
  /** `missing`: the file ends before its synced end; `unreadable`: the disk said so; `gap`: sound records do not follow one another. */
  what: Damage['what'] | 'missing' | 'unreadable' | 'gap' | 'position';
  /** Of a damaged record whose header can be read. */
  holds?: JournalRecord['kind'] | 'group';
  text?: string;
}

export interface AuditedSegment {
  name: string;
  start: number;
  end: number;
  fileBytes: number;
  records: number;
}

export interface AuditedSlot {
  name: string;
  state: 'newest' | 'older' | 'blank' | 'damaged' | 'unreadable';
  sequence: number | null;
  end: number | null;
  writtenMs: number | null;
}

export interface Audit {
  journal: string;
  lanes: number;
  begin: number;
  end: number;
  segments: AuditedSegment[];
  /** Files without extent: torn while they were made. They hold nothing. */
  unused: string[];
  checkpoints: AuditedSlot[];
  findings: Finding[];
  lost: Range[];
  records: Record<JournalRecord['kind'], number>;
  events: number;
  /** Behind the last valid record: a group that was being written, cut off at the next start. */
  tailBytes: number;
  /** The line with which a proxy refuses to start on it, whatever its records are like. */
  refusal: string | null;
}

interface Options {
  folder: string;
  disk: Disk;
  /** After each stretch of about a megabyte. */
  onProgress?(bytes: number, ofBytes: number): void;
  /** Before a checkpoint that can't be read is read again: a proxy may be writing it. */
  pause(): Promise<void>;
}

/**
 * Null where there is no journal, and a proxy would begin one. Throws a JournalError where the files are none of one journal,
 * or of a later version.
 */
export async function auditJournal(options: Options): Promise<Audit | null> {
  const parts = { ...options, disk: readingDisk(options.disk) };
  // Before the end is looked for: what a checkpoint covers was synced before.
  const auditor = new Auditor(parts, await readSlots(parts));
  try {
    const audit = await auditor.run();
    const refusal = await refusalOf(parts);
    if (audit === null && refusal !== null) throw refusal;
    return audit === null ? null : { ...audit, refusal: refusal?.message ?? null };
  } finally {
    await auditor.close();
  }
}

interface Extent {
  segments: Segment[];
  unused: string[];
  end: number;
  /** How far the newest segment's file went when the end was looked for; 0 where another has begun since. */
  fileEnd: number;
  /** Of the newest segment. */
  generation: number;
}

class Auditor {
  readonly #options: Options;
  readonly #slots: Slots;
  readonly #newest: Checkpoint | null;
  readonly #reader: JournalReader;
  readonly #findings: Finding[] = [];
  readonly #places: Places;
  readonly #records = { block: 0, loss: 0, table: 0, confirm: 0, forget: 0 };
  #events = 0;
  #begin = 0;

  constructor(options: Options, slots: Slots) {
    this.#options = options;
    this.#slots = slots;
    this.#newest = newestOf(slots);
    const { folder, disk } = options;
    const onDamage = (damage: Damage) => void this.#findings.push({ ...damage });
    this.#reader = new JournalReader({ folder, disk, onDamage });
    this.#places = new Places(this.#newest);
  }

  async run(): Promise<Omit<Audit, 'refusal'> | null> {
    if (!(await this.#isThere())) return null;
    const extent = await this.#extent();
    if (extent === null) return null;
    const { segments, unused } = extent;
    const first = segments[0]!;
    this.#begin = first.start;
    const audited = await this.#segments(segments, extent.end);
    const checkpoints = this.#checkpoints();
    await this.#checkPositions();
    const end = await this.#withoutVoid(extent);
    await this.#nameHeld(segments);
    return {
      ...{
        journal: hex(first.header.id),
        lanes: segments.at(-1)!.header.lanes,
        begin: first.start,
        end,
      },
      ...{ segments: audited, unused, checkpoints },
      findings: this.#findings.sort((a, b) => a.offset - b.offset),
      lost: this.#places.lost(await this.#reader.begin()),
      ...{ records: this.#records, events: this.#events },
      tailBytes: Math.max(0, extent.fileEnd - end),
    };
  }

  /** Of a small journal all segments may be others by the time at which their headers are read. */
  async #isThere(): Promise<boolean> {
    const { folder, disk } = this.#options;
    for (let more = 9; (await this.#reader.id()) === null; more--) {
      const names = await disk.list(folder).catch(() => []);
      if (more === 0 || !names.some((name) => name.endsWith('.segment'))) return false;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  /**
   * What is audited. The end is looked for first, so that every file was at least so long when it was listed; and it is
   * at most where segments begin that came meanwhile: what lies above may be another file's.
   */
  async #extent(): Promise<Extent | null> {
    for (let more = 9; ; more--) {
      const last = (await this.#list()).segments.at(-1);
      const walked = last === undefined ? 0 : await this.#end(last);
      const { segments, void: unused } = await this.#list();
      const newest = segments.at(-1);
      if (newest === undefined && more > 0) continue;
      if (newest === undefined) return null;
      const end = Math.min(walked, beginAfter(segments, last?.generation ?? 0));
      const audited = segments.filter(({ start }) => start <= end);
      const { generation } = newest;
      const fileEnd = last?.generation === generation ? last.start + last.fileBytes : 0;
      if (audited.length > 0) return { segments: audited, unused, end, fileEnd, generation };
      // All that was there has gone meanwhile.
      const first = segments[0]!;
      if (more === 0) return { segments: [first], unused, end: first.start, fileEnd, generation };
    }
  }

  /** [J-64], [J-72] A group that was read and whose sync failed: another segment has begun below it. */
  async #withoutVoid({ end, generation }: Extent): Promise<number> {
    const proven = Math.min(end, beginAfter((await this.#list()).segments, generation));
    if (proven < end) {
      const sound = this.#findings.filter(({ offset }) => offset < proven);
      this.#findings.splice(0, this.#findings.length, ...sound);
    }
    return proven;
  }

  /** Of segments that went while their headers were read none is answered, so that no extent reaches over another's. */
  async #list(): Promise<Listing> {
    const { folder, disk, pause } = this.#options;
    for (let more = 3; ; more--) {
      try {
        const listing = await listSegments(disk, folder);
        const names = new Set(await disk.list(folder));
        return { ...listing, segments: listing.segments.filter(({ name }) => names.has(name)) };
      } catch (error) {
        // A segment half made, or just removed.
        if (more === 0) throw error;
        await pause();
      }
    }
  }

  /** Where the records end; what a checkpoint covers was there. */
  async #end(last: Segment): Promise<number> {
    const walked = await this.#whileThere(() => this.#reader.end());
    const covered = this.#newest?.end ?? 0;
    // [J-64] A sync of the newest segment failed there.
    if (this.#newest?.voidGeneration === last.generation) return covered;
    return Math.max(walked, covered);
  }

  /** Again, where a file went between its listing and its opening; the next listing is without it. */
  async #whileThere<T>(read: () => Promise<T>): Promise<T> {
    for (let more = 9; ; more--) {
      try {
        return await read();
      } catch (error) {
        if (more === 0 || !isOf(error, 'gone')) throw error;
      }
    }
  }

  async #segments(segments: readonly Segment[], end: number): Promise<AuditedSegment[]> {
    const audited: AuditedSegment[] = [];
    const ofBytes = end - this.#begin;
    for (const segment of segments) {
      const { name, start, fileBytes, isMended } = segment;
      const file = `${this.#options.folder}/${name}`;
      if (isMended) this.#find({ file, what: 'segment-header', offset: start, end: start + 64 });
      const limit = Math.min(segment.end ?? end, end);
      const records = await this.#segment(segment, file, Math.max(start, limit), ofBytes);
      audited.push({ name, start, end: limit, fileBytes, records });
    }
    return audited;
  }

  /** Answers how many records can be read. */
  async #segment(segment: Segment, file: string, end: number, ofBytes: number): Promise<number> {
    const { start, fileBytes, generation } = segment;
    let limit = end;
    let readable = Math.min(limit, start + fileBytes);
    let records = 0;
    let begin = this.#begin;
    for (let next = start; next < readable; ) {
      try {
        const batch = await this.#reader.read(next, readable, 1 << 20);
        for (const located of batch.located) this.#take(located, file);
        records += batch.located.length;
        next = batch.next;
        this.#options.onProgress?.(next - this.#begin, ofBytes);
      } catch (error) {
        if (isOf(error, 'gone') || isOf(error, 'damaged')) {
          const before = begin;
          begin = await this.#reader.begin();
          if (begin > next) {
            // Kafka has its events, and the proxy beside removed it.
            this.#places.restart();
            return records;
          }
          // An older one went, in which a place's last record was looked for.
          if (begin > before) continue;
          const proven = beginAfter((await this.#list()).segments, generation);
          if (proven < limit) {
            // Its last group was void after all: read up to where the next one has begun.
            limit = proven;
            readable = Math.min(readable, limit);
            continue;
          }
        } else if (error instanceof JournalError || errorCode(error) === undefined) throw error;
        const text = errorText(error);
        this.#find({ file, what: 'unreadable', offset: next, end: limit, text });
        return records;
      }
    }
    if (readable < limit) this.#find({ file, what: 'missing', offset: readable, end: limit });
    return records;
  }

  #take(located: Located, file: string): void {
    const { record, offset, end } = located;
    this.#records[record.kind]++;
    if (record.kind === 'block') this.#events += record.first + record.count - record.from;
    const gap = this.#places.take(located);
    if (gap === null) return;
    const text = `${gap.device}, boot ${gap.boot}: seq ${gap.from} to ${gap.to} are missing`;
    this.#find({ file, what: 'gap', offset, end, text });
  }

  /** [J-50] The record that each lane's confirmed position names stays. */
  async #checkPositions(): Promise<void> {
    for (const { name, slot } of this.#slots) {
      if (this.#newest === null || slot !== this.#newest) continue;
      const file = `${this.#options.folder}/${name}`;
      for (const position of this.#newest.state.confirmed.values()) {
        const { offset, end, check, lane } = position;
        const found = await this.#whileThere(() => this.#reader.at(offset));
        if (found?.check === check) continue;
        // Asked afterwards: the lane may have gone on, and the segment gone.
        if (offset < (await this.#reader.begin())) continue;
        if (this.#findings.some((one) => one.offset <= offset && offset < one.end)) continue;
        const text = `lane ${lane} is confirmed up to offset ${offset}, where another record is or none`;
        this.#find({ file, what: 'position', offset, end, text });
      }
    }
  }

  /** Of what kind the damaged records are, where their headers can be read. */
  async #nameHeld(segments: readonly Segment[]): Promise<void> {
    const { folder, disk } = this.#options;
    for (const finding of this.#findings) {
      if (finding.what !== 'record') continue;
      const segment = segments.find(({ name }) => finding.file === `${folder}/${name}`);
      if (segment === undefined) continue;
      const file = await disk.open(finding.file, 'read').catch(() => null);
      if (file === null) continue;
      const header = await readHeaderAt(walkedOf(segment, file), finding.offset).catch(() => null);
      await file.close();
      const kind = Object.entries(recordType).find(([, type]) => type === header?.type)?.[0];
      if (kind !== undefined) finding.holds = kind as NonNullable<Finding['holds']>;
    }
  }

  #checkpoints(): AuditedSlot[] {
    return this.#slots.map(({ name, slot }) => {
      const checkpoint = checkpointOf(slot);
      if (checkpoint !== null) {
        const { sequence, end, writtenMs } = checkpoint;
        const state = checkpoint === this.#newest ? 'newest' : 'older';
        return { name, state, sequence, end, writtenMs };
      }
      const none = { name, sequence: null, end: null, writtenMs: null };
      if (slot === 'blank') return { ...none, state: slot };
      const file = `${this.#options.folder}/${name}`;
      const place = { file, offset: 0, end: 0 };
      if (slot === 'damaged') {
        this.#find({ ...place, what: 'checkpoint' });
        return { ...none, state: slot };
      }
      this.#find({ ...place, what: 'unreadable', text: (slot as Unreadable).text });
      return { ...none, state: 'unreadable' };
    });
  }

  #find(finding: Finding): void {
    this.#findings.push(finding);
  }
}

/** Where the first segment begins that came after this generation. */
function beginAfter(segments: readonly Segment[], generation: number): number {
  const later = segments.filter((one) => one.generation > generation);
  return Math.min(Number.POSITIVE_INFINITY, ...later.map(({ start }) => start));
}

function isOf(error: unknown, kind: JournalErrorKind): boolean {
  return error instanceof JournalError && error.kind === kind;
}

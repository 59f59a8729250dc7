import type { Disk } from '../disk.js';
import { Places, type Range } from './audit-places.js';
import { type Checkpoint, readSlot, slotNames } from './checkpoint.js';
import type { Damage } from './damage.js';
import { errorCode, errorText, JournalError } from './error.js';
import { hex } from './format.js';
import { recordType } from './payload.js';
import { JournalReader } from './reader.js';
import type { JournalRecord, Located } from './record.js';
import { listSegments, newerFormat, type Segment, walkedOf } from './segments.js';
import { readHeaderAt } from './walk.js';

// Every record of every segment, and both checkpoints, read once with the reader that the lanes have: for
// `headwater journal verify`. Takes no lock and writes nothing; beside a running proxy it sees what was synced when it came.

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
  state: 'newest' | 'older' | 'blank' | 'damaged';
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
}

interface Options {
  folder: string;
  disk: Disk;
  /** After each stretch of about a megabyte. */
  onProgress?(bytes: number, ofBytes: number): void;
  /** Before a checkpoint that can't be read is read again: a proxy may be writing it. */
  pause(): Promise<void>;
}

/** Null where there is no journal. Throws a JournalError where the files are none of one journal, or of a later version. */
export async function auditJournal(options: Options): Promise<Audit | null> {
  // Before the end is looked for: what a checkpoint covers was synced before.
  const slots = await readSlots(options);
  const audit = new Auditor(options, slots);
  try {
    return await audit.run();
  } finally {
    await audit.close();
  }
}

type Slots = { name: string; slot: Checkpoint | 'blank' | 'damaged' }[];

async function readSlots({ folder, disk, pause }: Options): Promise<Slots> {
  const slots: Slots = [];
  for (const name of slotNames) {
    const path = `${folder}/${name}`;
    let slot = await readSlot(disk, path);
    for (let more = 3; slot === 'damaged' && more > 0; more--) {
      await pause();
      slot = await readSlot(disk, path);
    }
    if (slot === 'newer') throw newerFormat(path);
    slots.push({ name, slot });
  }
  return slots;
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

  async run(): Promise<Audit | null> {
    const { folder, disk } = this.#options;
    if ((await this.#reader.id()) === null) return null;
    const { segments, void: unused } = await listSegments(disk, folder);
    const first = segments[0];
    if (first === undefined) return null;
    this.#begin = first.start;
    const end = await this.#end(segments.at(-1)!);
    const audited = await this.#segments(segments, end);
    const checkpoints = this.#checkpoints();
    await this.#checkPositions(first.start);
    await this.#nameHeld(segments);
    const last = segments.at(-1)!;
    return {
      ...{ journal: hex(first.header.id), lanes: first.header.lanes, begin: first.start, end },
      ...{ segments: audited, unused, checkpoints },
      findings: this.#findings.sort((a, b) => a.offset - b.offset),
      lost: this.#places.lost(first.start),
      ...{ records: this.#records, events: this.#events },
      tailBytes: Math.max(0, last.start + last.fileBytes - end),
    };
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  /** Where the records end; what a checkpoint covers was there. */
  async #end(last: Segment): Promise<number> {
    const walked = await this.#reader.end();
    const covered = this.#newest?.end ?? 0;
    // [J-64] A sync of the newest segment failed there.
    if (this.#newest?.voidGeneration === last.generation) return covered;
    return Math.max(walked, covered);
  }

  async #segments(segments: readonly Segment[], end: number): Promise<AuditedSegment[]> {
    const audited: AuditedSegment[] = [];
    const ofBytes = end - (segments[0]?.start ?? 0);
    for (const segment of segments) {
      const { name, start, fileBytes, isMended } = segment;
      const file = `${this.#options.folder}/${name}`;
      if (isMended) this.#find({ file, what: 'segment-header', offset: start, end: start + 64 });
      const limit = segment.end ?? end;
      const records = await this.#segment(segment, file, Math.max(start, limit), ofBytes);
      audited.push({ name, start, end: limit, fileBytes, records });
    }
    return audited;
  }

  /** Answers how many records can be read. */
  async #segment(segment: Segment, file: string, limit: number, ofBytes: number): Promise<number> {
    const { start, fileBytes } = segment;
    const readable = Math.min(limit, start + fileBytes);
    let records = 0;
    try {
      for (let next = start; next < readable; ) {
        const batch = await this.#reader.read(next, readable, 1 << 20);
        for (const located of batch.located) this.#take(located, file);
        records += batch.located.length;
        next = batch.next;
        this.#options.onProgress?.(next - this.#begin, ofBytes);
      }
    } catch (error) {
      // Kafka has its events, and the proxy beside removed it.
      if (error instanceof JournalError && error.kind === 'gone') return records;
      if (error instanceof JournalError || errorCode(error) === undefined) throw error;
      const text = errorText(error);
      this.#find({ file, what: 'unreadable', offset: start, end: limit, text });
      return records;
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
  async #checkPositions(begin: number): Promise<void> {
    for (const { name, slot } of this.#slots) {
      if (typeof slot === 'string' || slot !== this.#newest) continue;
      const file = `${this.#options.folder}/${name}`;
      for (const position of slot.state.confirmed.values()) {
        const { offset, end, check, lane } = position;
        if (offset < begin) continue;
        if ((await this.#reader.at(offset))?.check === check) continue;
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
      if (typeof slot !== 'string') {
        const { sequence, end, writtenMs } = slot;
        return {
          name,
          state: slot === this.#newest ? 'newest' : 'older',
          sequence,
          end,
          writtenMs,
        };
      }
      if (slot === 'damaged') {
        const file = `${this.#options.folder}/${name}`;
        this.#find({ file, what: 'checkpoint', offset: 0, end: 0 });
      }
      return { name, state: slot, sequence: null, end: null, writtenMs: null };
    });
  }

  #find(finding: Finding): void {
    this.#findings.push(finding);
  }
}

function newestOf(slots: Slots): Checkpoint | null {
  let newest: Checkpoint | null = null;
  for (const { slot } of slots) {
    if (typeof slot === 'string') continue;
    if (newest === null || slot.sequence > newest.sequence) newest = slot;
  }
  return newest;
}

import type { Disk, DiskFile } from '../disk.js';
import {
  encodeRecord,
  encodeSegmentHeader,
  idSeed,
  noLane,
  recordBytes,
  segmentHeaderBytes,
  segmentName,
} from './format.js';
import { encodeGroup, recordType } from './payload.js';

// The newest segment, while it is written: groups, one at a time, each written and synced whole.
//
//   | header 64 | group block block loss | group block … |
//                                         ▲ end: synced; the next group goes here
//
// After any error the segment is never written or synced again ([J-72]): its owner drops it and
// begins another at `end`.

export interface Outgoing {
  type: number;
  lane: number;
  payload: Uint8Array;
}

export interface Written {
  offset: number;
  end: number;
  check: number;
}

/** A group record takes at most this: three numbers below 2^53. */
export const groupRecordBytesMax = recordBytes(32);

export class SegmentWriter {
  readonly name: string;
  readonly generation: number;
  readonly start: number;
  readonly #file: DiskFile;
  readonly #seed: number;
  #end: number;
  /** Of a group that failed: they may be in the file, and count for nothing. */
  #voidBytes = 0;

  private constructor(
    file: DiskFile,
    name: string,
    seed: number,
    start: number,
    generation: number,
  ) {
    this.#file = file;
    this.name = name;
    this.#seed = seed;
    this.start = start;
    this.generation = generation;
    this.#end = start + segmentHeaderBytes;
  }

  /** Header and folder entry are durable when it answers; nothing is left after an error. */
  static async create(
    disk: Disk,
    folder: string,
    header: {
      id: Uint8Array;
      generation: number;
      lanes: number;
      start: number;
      createdMs: number;
    },
  ): Promise<SegmentWriter> {
    const name = segmentName(header.start, header.generation);
    const path = `${folder}/${name}`;
    const file = await disk.create(path);
    try {
      await file.write(0, encodeSegmentHeader(header));
      await file.sync();
      await disk.syncFolder(folder);
    } catch (error) {
      await file.close().catch(() => {});
      await disk.remove(path).catch(() => {});
      throw error;
    }
    return new SegmentWriter(file, name, idSeed(header.id), header.start, header.generation);
  }

  get hasRecords(): boolean {
    return this.#end > this.start + segmentHeaderBytes;
  }

  get fileBytes(): number {
    return this.#end - this.start + this.#voidBytes;
  }

  /** Writes the records behind a group record and syncs them. */
  async write(records: readonly Outgoing[], syncedEnd: number, nowMs: number): Promise<Written[]> {
    const group = { syncedEnd, count: records.length, writtenMs: nowMs };
    const outgoing: Outgoing[] = [
      { type: recordType.group, lane: noLane, payload: encodeGroup(group) },
    ];
    outgoing.push(...records);
    let groupBytes = 0;
    for (const { payload } of outgoing) groupBytes += recordBytes(payload.length);

    const bytes = Buffer.alloc(groupBytes);
    const written: Written[] = [];
    let at = 0;
    for (const record of outgoing) {
      const offset = this.#end + at;
      const place = { seed: this.#seed, generation: this.generation, offset };
      const check = encodeRecord(bytes, at, { ...record, flags: 0 }, place);
      at += recordBytes(record.payload.length);
      written.push({ offset, end: this.#end + at, check });
    }
    this.#voidBytes = groupBytes;
    await this.#file.write(this.#end - this.start, bytes);
    await this.#file.sync();
    this.#voidBytes = 0;
    this.#end += groupBytes;
    written.shift();
    return written;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

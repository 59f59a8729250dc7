import type { Disk } from '../disk.js';
import { type Checkpoint, CheckpointSlots, encodeContent } from './checkpoint.js';
import { errorCode, isFull } from './error.js';
import type { Recovered } from './recovery.js';
import { Reserve } from './reserve.js';
import type { SegmentWriter } from './segment-writer.js';

// Checkpoints, and what they let go: sealed segments, oldest first ([J-50], [J-51]).
//
//   | kept: every lane has passed them | needed by a lane | newest |
//     ▲ removed once they were kept for long enough, or at once where room is wanted ([J-54])
//
// Invariant: a segment is removed only when both checkpoints cover it, synced, and every lane's
// confirmed position starts behind its end.

export interface Sealed {
  name: string;
  generation: number;
  start: number;
  end: number;
  fileBytes: number;
  /** When every lane had passed it, or later; null before that. */
  committedMs: number | null;
}

/** What removal may be for, besides the end of the time for which a segment is kept. */
export interface Wanted {
  nowMs: number;
  /** Bytes that are to be freed of those that are kept. */
  bytes: number;
}

export class Retention {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #slots: CheckpointSlots;
  readonly #reserve: Reserve;
  readonly #sealed: Sealed[] = [];
  /** Files without an extent, to remove once their successor is durable. */
  #void: string[];
  #voidGeneration = 0;
  /** There is a segment behind the sealed ones. */
  #isBegun = false;
  #sequence: number;
  #bytes = 0;
  /** The first of `#sealed`, which every lane has passed. */
  #keptCount = 0;
  #keptBytes = 0;
  readonly #keepMs: number;

  constructor(
    place: { disk: Disk; folder: string; keepCommittedMs?: number },
    recovered: Recovered,
    segmentBytes: number,
  ) {
    this.#keepMs = place.keepCommittedMs ?? 0;
    this.#disk = place.disk;
    this.#folder = place.folder;
    this.#slots = new CheckpointSlots(place.disk, place.folder, recovered.newest);
    this.#reserve = new Reserve(place, segmentBytes);
    this.#sequence = recovered.checkpointSequence;
    this.#void = recovered.void;
    this.#voidGeneration = recovered.voidGeneration;
    for (const { name, generation, start, end, fileBytes } of recovered.segments) {
      this.#add({ name, generation, start, end: end ?? recovered.end, fileBytes });
    }
  }

  /** No segment has a record. */
  get isEmpty(): boolean {
    return this.#sealed.length === 0;
  }

  /** Of the sealed segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of those that every lane has passed and that stay for a while all the same. */
  get keptBytes(): number {
    return this.#keepMs > 0 ? this.#keptBytes : 0;
  }

  /** When the oldest has been kept for long enough; null where none is kept. */
  get dueMs(): number | null {
    const since = this.#sealed[0]?.committedMs ?? null;
    return since === null ? null : since + this.#keepMs;
  }

  /** The lanes have passed everything below `neededFrom`. `since` says when, where that is known. */
  passed(neededFrom: number, nowMs: number, since?: (segment: Sealed) => number | null): void {
    for (; ; this.#keptCount++) {
      const sealed = this.#sealed[this.#keptCount];
      if (sealed === undefined || sealed.end > neededFrom) return;
      sealed.committedMs = since?.(sealed) ?? nowMs;
      this.#keptBytes += sealed.fileBytes;
    }
  }

  /** `isVoid`: nothing above `end` counts, whatever can be read there. */
  seal(writer: SegmentWriter, end: number, isVoid: boolean): void {
    const { name, generation, start, fileBytes } = writer;
    if (isVoid) this.#voidGeneration = generation;
    this.#isBegun = false;
    if (end > start) this.#add({ name, generation, start, end, fileBytes });
    else this.#void.push(name);
  }

  /** A new segment is durable: its start says where the one before ends. */
  begun(): void {
    this.#voidGeneration = 0;
    this.#isBegun = true;
  }

  canRemove(neededFrom: number, wanted: Wanted): boolean {
    return this.#mayGo(neededFrom, wanted, 0);
  }

  /** Writes it, then removes what it lets go. Answers the error instead of throwing it. */
  async checkpoint(
    checkpoint: Omit<Checkpoint, 'sequence' | 'voidGeneration'>,
    keepFrom: number,
    wanted: Wanted,
  ): Promise<{ isWritten: boolean; error: unknown }> {
    let isWritten = false;
    const whole = { ...checkpoint, voidGeneration: this.#voidGeneration };
    // Of one moment, however often it is written: Kafka's word moves the state on meanwhile, and the books were asked before.
    const content = encodeContent(whole);
    const write = () => this.#write({ ...whole, sequence: ++this.#sequence }, content);
    try {
      await write();
      isWritten = true;
      for (let freed = 0; this.#mayGo(keepFrom, wanted, freed); ) {
        const oldest = this.#sealed[0]!;
        if (oldest.end > this.#slots.coveredEnd) {
          await write();
        }
        await this.#remove(oldest.name);
        this.#sealed.shift();
        this.#bytes -= oldest.fileBytes;
        if (oldest.committedMs !== null) {
          this.#keptCount--;
          this.#keptBytes -= oldest.fileBytes;
        }
        freed += oldest.fileBytes;
      }
      return { isWritten, error: null };
    } catch (error) {
      return { isWritten, error };
    }
  }

  /** Both slots and the reserve are there before a disk fills up: else nothing could be removed. */
  async reserve(): Promise<void> {
    await this.#slots.reserve();
    await this.#reserve.make();
  }

  /** What can't be removed now goes at the next opening. */
  async sweep(): Promise<void> {
    for (const name of this.#void.splice(0)) await this.#remove(name).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#slots.close().catch(() => {});
  }

  /** [J-50], [J-54] */
  #mayGo(neededFrom: number, { nowMs, bytes }: Wanted, freed: number): boolean {
    const oldest = this.#sealed[0];
    if (oldest === undefined || oldest.end > neededFrom) return false;
    // [J-63] Else there would be a checkpoint and no segment.
    if (this.#sealed.length === 1 && !this.#isBegun) return false;
    const isDue = nowMs - (oldest.committedMs ?? nowMs) >= this.#keepMs;
    return isDue || freed < bytes;
  }

  async #write(checkpoint: Checkpoint, content: Uint8Array): Promise<void> {
    try {
      await this.#slots.write(checkpoint, content);
    } catch (error) {
      if (!isFull(error) || !(await this.#reserve.giveUp())) throw error;
      await this.#slots.write(checkpoint, content);
    }
  }

  #add(sealed: Omit<Sealed, 'committedMs'>): void {
    this.#sealed.push({ ...sealed, committedMs: null });
    this.#bytes += sealed.fileBytes;
  }

  /** One at a time: were a newer one's removal to survive a power cut alone, a gap would be left. */
  async #remove(name: string): Promise<void> {
    try {
      await this.#disk.remove(`${this.#folder}/${name}`);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await this.#disk.syncFolder(this.#folder);
  }
}

import type { Disk } from '../disk.js';
import { type Checkpoint, CheckpointSlots, encodeContent } from './checkpoint.js';
import { errorCode, isFull } from './error.js';
import type { Recovered } from './recovery.js';
import { Reserve } from './reserve.js';
import type { SegmentWriter } from './segment-writer.js';
import type { State } from './state.js';

// Checkpoints, and what they let go: sealed segments, oldest first ([J-50], [J-51]).
// Invariant: a segment is removed only when both checkpoints cover it, synced, and every lane's
// confirmed position starts behind its end.

interface Sealed {
  name: string;
  generation: number;
  start: number;
  end: number;
  fileBytes: number;
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
  #sequence: number;
  #bytes = 0;

  constructor(place: { disk: Disk; folder: string }, recovered: Recovered, segmentBytes: number) {
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

  /** `isVoid`: nothing above `end` counts, whatever can be read there. */
  seal(writer: SegmentWriter, end: number, isVoid: boolean): void {
    const { name, generation, start, fileBytes } = writer;
    if (isVoid) this.#voidGeneration = generation;
    if (end > start) this.#add({ name, generation, start, end, fileBytes });
    else this.#void.push(name);
  }

  /** A new segment is durable: its start says where the one before ends. */
  begun(): void {
    this.#voidGeneration = 0;
  }

  canRemove(state: State, lanes: number, syncedEnd: number): boolean {
    const oldest = this.#sealed[0];
    return oldest !== undefined && oldest.end <= state.neededFrom(lanes, syncedEnd);
  }

  /** Writes it, then removes what it lets go. Answers the error instead of throwing it. */
  async checkpoint(
    checkpoint: Omit<Checkpoint, 'sequence' | 'voidGeneration'>,
  ): Promise<{ isWritten: boolean; error: unknown }> {
    let isWritten = false;
    const keepFrom = checkpoint.state.neededFrom(checkpoint.lanes, checkpoint.end);
    const whole = { ...checkpoint, voidGeneration: this.#voidGeneration };
    // Of one moment, however often it is written: Kafka's word moves the state on meanwhile, and the books were asked before.
    const content = encodeContent(whole);
    const write = () => this.#write({ ...whole, sequence: ++this.#sequence }, content);
    try {
      await write();
      isWritten = true;
      while (this.#oldestEnd <= keepFrom) {
        if (this.#oldestEnd > this.#slots.coveredEnd) {
          await write();
        }
        await this.#remove(this.#sealed[0]!.name);
        this.#bytes -= this.#sealed.shift()!.fileBytes;
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

  get #oldestEnd(): number {
    return this.#sealed[0]?.end ?? Number.POSITIVE_INFINITY;
  }

  async #write(checkpoint: Checkpoint, content: Uint8Array): Promise<void> {
    try {
      await this.#slots.write(checkpoint, content);
    } catch (error) {
      if (!isFull(error) || !(await this.#reserve.giveUp())) throw error;
      await this.#slots.write(checkpoint, content);
    }
  }

  #add(sealed: Sealed): void {
    this.#sealed.push(sealed);
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

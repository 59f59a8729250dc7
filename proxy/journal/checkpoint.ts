import { crc32 } from '../crc32.js';
import type { Disk, DiskFile } from '../disk.js';
import { errorCode, isFull } from './error.js';
import { align, formatVersion, hex, readOffset, writeOffset } from './format.js';
import { encodeCbor, shaped } from './payload.js';
import { readState, type State } from './state.js';

// Checkpoints: the state at a synced end, in two slots that take turns ([J-60] to [J-64]).
//
//   checkpoint-0  | header 64 | payload … | zeros, reserved |      the older one is overwritten:
//   checkpoint-1  | header 64 | payload … | zeros, reserved |      a torn one leaves its brother
//
// A slot is reserved ahead of need, so that a disk which others have filled doesn't keep the
// journal from writing one, and so from deleting what Kafka holds.

export const slotNames = ['checkpoint-0', 'checkpoint-1'] as const;
const headerBytes = 64;
const slotBytesMin = 65_536;
const magic = Buffer.from('\x89HWCKP\r\n', 'latin1');

export interface Checkpoint {
  /** Of the journal, 16 bytes. */
  id: Uint8Array;
  /** Larger than every one before it. */
  sequence: number;
  lanes: number;
  /** Replay begins here. */
  end: number;
  /** The largest generation that was given out. */
  generation: number;
  /** A segment of which nothing above `end` counts, since a sync of it failed; 0 for none. */
  voidGeneration: number;
  writtenMs: number;
  state: State;
  books: unknown;
}

/** `blank`: absent, or torn while it was first written. */
export type SlotOutcome = Checkpoint | 'blank' | 'damaged' | 'newer';

export async function readSlot(disk: Disk, path: string): Promise<SlotOutcome> {
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'blank';
    throw error;
  }
  try {
    return decodeCheckpoint(await file.read(0, await file.size()));
  } finally {
    await file.close();
  }
}

/**
 * [J-71] Written once more in its place, and synced: a process that was killed may have left it in the
 * page cache only, and its brother is overwritten next.
 */
export async function proveSlot(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, 'write');
  try {
    await file.write(0, await file.read(0, await file.size()));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** All that it says, as it is at this moment. */
export function encodeContent(checkpoint: Omit<Checkpoint, 'sequence'>): Uint8Array {
  return encodeCbor([
    checkpoint.end,
    checkpoint.generation,
    checkpoint.voidGeneration,
    checkpoint.writtenMs,
    ...checkpoint.state.encode(),
    checkpoint.books,
  ]);
}

export function encodeCheckpoint(
  checkpoint: Checkpoint,
  payload: Uint8Array = encodeContent(checkpoint),
): Buffer {
  const bytes = Buffer.alloc(headerBytes + align(payload.length));
  magic.copy(bytes, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt16LE(checkpoint.lanes, 12);
  bytes.set(checkpoint.id, 16);
  writeOffset(bytes, 32, checkpoint.sequence);
  bytes.writeUInt32LE(payload.length, 40);
  bytes.writeUInt32LE(crc32(payload), 44);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  bytes.set(payload, headerBytes);
  return bytes;
}

export function decodeCheckpoint(read: Uint8Array): SlotOutcome {
  const bytes = Buffer.from(read.buffer, read.byteOffset, read.byteLength);
  if (bytes.equals(Buffer.alloc(bytes.length))) return 'blank';
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) return 'damaged';
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) {
    return bytes.readUInt32LE(8) > formatVersion && !isFlipped(bytes) ? 'newer' : 'damaged';
  }
  if (bytes.readUInt32LE(8) > formatVersion) return 'newer';
  const payload = bytes.subarray(headerBytes, headerBytes + bytes.readUInt32LE(40));
  if (bytes.readUInt32LE(44) !== crc32(payload)) return 'damaged';
  const id = Uint8Array.prototype.slice.call(bytes, 16, 32);
  const checkpoint = shaped(payload, (fields) => ({
    id,
    sequence: readOffset(bytes, 32),
    lanes: bytes.readUInt16LE(12),
    end: fields.integer(),
    generation: fields.integer(),
    voidGeneration: fields.integer(),
    writtenMs: fields.number(),
    state: readState(fields, hex(id)),
    books: fields.any(),
  }));
  return checkpoint ?? 'damaged';
}

/** Is one bit of the version the only thing wrong with a header of ours? */
function isFlipped(bytes: Buffer): boolean {
  const flipped = bytes.readUInt32LE(8) ^ formatVersion;
  if ((flipped & (flipped - 1)) !== 0) return false;
  const ours = Buffer.from(bytes.subarray(0, 60));
  ours.writeUInt32LE(formatVersion, 8);
  return bytes.readUInt32LE(60) === crc32(ours);
}

/** The writing side. One call at a time. */
export class CheckpointSlots {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #files: (DiskFile | null)[] = [null, null];
  /** Which of the two holds the newest checkpoint; the other is written next. */
  #newest: number;
  /** What each covers, synced by us; of what an opening found, the newest alone is known. */
  readonly #ends = [-1, -1];

  constructor(disk: Disk, folder: string, newest: { slot: number; end: number }) {
    this.#disk = disk;
    this.#folder = folder;
    this.#newest = newest.slot;
    this.#ends[newest.slot] = newest.end;
  }

  /** Both cover what lies below: either may rot. */
  get coveredEnd(): number {
    return Math.min(...this.#ends);
  }

  /** Written and synced when it answers. After an error the newest one before still stands. */
  async write(checkpoint: Checkpoint, content: Uint8Array): Promise<void> {
    const slot = 1 - this.#newest;
    const bytes = encodeCheckpoint(checkpoint, content);
    const path = `${this.#folder}/${slotNames[slot]}`;
    this.#ends[slot] = -1;
    try {
      const file = await this.#open(slot, path);
      await reserve(file, bytes.length);
      await file.write(0, bytes);
      await file.sync();
    } catch (error) {
      // Of a full disk the slot keeps what it has: nobody gives it back.
      if (!isFull(error)) await this.#discard(slot, path);
      throw error;
    }
    this.#newest = slot;
    this.#ends[slot] = checkpoint.end;
  }

  /** Makes the slot that is written next, while the disk has room; else `write` will try again. */
  async reserve(): Promise<void> {
    const slot = 1 - this.#newest;
    await this.#open(slot, `${this.#folder}/${slotNames[slot]}`).catch(() => {});
  }

  async close(): Promise<void> {
    for (const file of this.#files.splice(0, 2, null, null)) await file?.close();
  }

  async #open(slot: number, path: string): Promise<DiskFile> {
    const open = this.#files[slot];
    if (open) return open;
    let file: DiskFile;
    try {
      file = await this.#disk.open(path, 'write');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      file = await this.#create(path);
    }
    this.#files[slot] = file;
    return file;
  }

  /** Durable with its name when it answers; nothing is left after an error. */
  async #create(path: string): Promise<DiskFile> {
    const file = await this.#disk.create(path);
    try {
      await file.allocate(slotBytesMin);
      await file.sync();
      await this.#disk.syncFolder(this.#folder);
      return file;
    } catch (error) {
      await file.close().catch(() => {});
      await this.#disk.remove(path).catch(() => {});
      throw error;
    }
  }

  /** A file whose write or sync failed is never used again; its successor is a new one. */
  async #discard(slot: number, path: string): Promise<void> {
    const file = this.#files[slot];
    this.#files[slot] = null;
    if (!file) return;
    await file.close().catch(() => {});
    await this.#disk.remove(path).catch(() => {});
  }
}

/** Room for twice what is needed now, taken while the disk still has it. */
async function reserve(file: DiskFile, needed: number): Promise<void> {
  const size = await file.size();
  if (size >= needed * 2) return;
  let target = slotBytesMin;
  while (target < needed * 2) target *= 2;
  try {
    await file.write(size, Buffer.alloc(target - size));
  } catch (error) {
    if (size < needed || !isFull(error)) throw error;
  }
}

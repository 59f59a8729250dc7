import { createHash } from 'node:crypto';
import { Random } from '../../random.js';
import type { Outcome } from './simulated-disk.js';

// A file of the simulated disk: what processes see of it, and what the platter keeps.
// Buffers are shared between copies of a disk and copied by the first that writes.

interface Write {
  order: number;
  position: number;
  bytes: Uint8Array;
  /** What stood there before, and the file's length. */
  before: Uint8Array;
  lengthBefore: number;
}

/** What the platter may have or not have of what was not synced. */
export type Piece =
  | { kind: 'bytes'; order: number; position: number; bytes: Uint8Array }
  /** The file is as long as a process sees it, whatever bytes are there. */
  | { kind: 'length'; order: number };

/** Less than a disk's sector, so that the small records of a test are torn too. */
const sectorBytes = 64;

export class SimulatedFile {
  seen: Uint8Array;
  #kept: Uint8Array;
  #unsynced: Write[] = [];
  #isShared = false;
  /** A sync failed: bytes are seen that the platter doesn't have and no sync will bring there. */
  #isSplit = false;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.seen = bytes;
    this.#kept = bytes;
    this.#isShared = true;
  }

  copy(): SimulatedFile {
    const copy = new SimulatedFile();
    copy.seen = this.seen;
    copy.#kept = this.#kept;
    copy.#unsynced = [...this.#unsynced];
    copy.#isSplit = this.#isSplit;
    copy.#isShared = true;
    this.#isShared = true;
    return copy;
  }

  write(position: number, bytes: Uint8Array, order: number): void {
    const lengthBefore = this.seen.length;
    let before = this.seen.subarray(position, position + bytes.length);
    if (this.#isShared || position + bytes.length > lengthBefore) {
      const length = Math.max(lengthBefore, position + bytes.length);
      const grown = new Uint8Array(length);
      grown.set(this.seen);
      this.seen = grown;
      this.#isShared = false;
    } else before = new Uint8Array(before);
    this.seen.set(bytes, position);
    this.#unsynced.push({
      ...{ order, position, before, lengthBefore },
      bytes: new Uint8Array(bytes),
    });
  }

  sync(): void {
    if (this.#isSplit) this.#keepAll();
    else {
      this.#kept = this.seen;
      this.#isShared = true;
    }
    this.#unsynced = [];
  }

  /** The kernel drops the dirty mark; some of it reached the platter, none will be written later. */
  failSync(random: Random): void {
    this.#keep('any', 0, random);
    this.#unsynced = [];
    this.#isSplit = true;
  }

  /** The write that a kill interrupted, in part. */
  tearLast(order: number, random: Random): void {
    const last = this.#unsynced.at(-1);
    if (last === undefined || last.order !== order || random.chance(0.5)) return;
    this.tearAt(random.below(last.bytes.length + 1));
  }

  cut(outcome: Outcome, until: number, random: Random): void {
    this.#keep(outcome, until, random);
    this.#unsynced = [];
    this.seen = this.#kept;
    this.#isShared = true;
    this.#isSplit = false;
  }

  /** Of the unsynced writes in their order, sector by sector; what would change nothing is left out. */
  pieces(): Piece[] {
    const pieces: Piece[] = [];
    for (const { order, position, bytes, before } of this.#unsynced) {
      for (const [from, to] of stretches(position, bytes, this.#kept.length)) {
        const part = bytes.subarray(from, to);
        const at = position + from;
        const isThere =
          isSame(part, this.#kept.subarray(at, at + part.length)) &&
          isSame(part, before.subarray(from, to));
        if (!isThere) pieces.push({ kind: 'bytes', order, position: at, bytes: part });
      }
    }
    const order = this.#unsynced.at(-1)?.order;
    if (order !== undefined && this.seen.length > this.#kept.length) {
      pieces.push({ kind: 'length', order });
    }
    return pieces;
  }

  /** A power cut that left exactly these of `pieces()`. */
  cutTo(pieces: readonly Piece[]): void {
    let { length } = this.#kept;
    for (const piece of pieces) {
      const end = piece.kind === 'length' ? this.seen.length : piece.position + piece.bytes.length;
      length = Math.max(length, end);
    }
    if (pieces.length > 0) {
      const kept = new Uint8Array(length);
      kept.set(this.#kept);
      for (const piece of pieces) {
        if (piece.kind === 'bytes') kept.set(piece.bytes, piece.position);
      }
      this.#kept = kept;
    }
    this.cut('nothing', 0, noRandom);
  }

  digest(): string {
    // From now on the next write copies.
    this.#isShared = true;
    let digest = digests.get(this.seen);
    if (digest === undefined) {
      const { length } = this.seen;
      const used = this.seen.subarray(0, usedOf(this.seen));
      digest = `${length} ${createHash('sha1').update(used).digest('base64')}`;
      digests.set(this.seen, digest);
    }
    return digest;
  }

  /** Where a kill may have ended the write that was the last call, if it was one of this file. */
  tears(order: number): number[] {
    const last = this.#unsynced.at(-1);
    if (last === undefined || last.order !== order) return [];
    return stretches(last.position, last.bytes, this.#kept.length).map(([from]) => from);
  }

  tearAt(done: number): void {
    const last = this.#unsynced.pop()!;
    const seen = Uint8Array.from(this.seen);
    seen.set(last.before, last.position);
    this.seen = seen.subarray(0, last.lengthBefore);
    this.#isShared = true;
    if (done > 0) this.write(last.position, last.bytes.subarray(0, done), last.order);
  }

  #keep(outcome: Outcome, until: number, random: Random): void {
    if (outcome === 'nothing' || this.#unsynced.length === 0) return;
    if (outcome === 'everything') {
      this.#keepAll();
      return;
    }
    const kept = new Uint8Array(Math.max(this.#kept.length, this.seen.length));
    kept.set(this.#kept);
    let length = this.#kept.length;
    const put = ({ position, bytes }: Write, from: number, to: number) => {
      kept.set(bytes.subarray(from, to), position + from);
      length = Math.max(length, position + to);
    };
    for (const write of this.#unsynced) {
      const end = write.bytes.length;
      if (outcome === 'prefix') {
        if (write.order < until) put(write, 0, end);
        else if (write.order === until) put(write, 0, random.below(end + 1));
      } else if (random.chance(0.3)) put(write, 0, end);
      else if (random.chance(0.8)) {
        for (let from = 0; from < end; ) {
          const to = Math.min(end, from + sectorBytes - ((write.position + from) % sectorBytes));
          if (random.chance(0.5)) put(write, from, to);
          from = to;
        }
      }
    }
    // The length may be on the platter before the bytes.
    if (outcome === 'any' && random.chance(0.3)) length = kept.length;
    this.#kept = kept.subarray(0, length);
  }

  #keepAll(): void {
    let length = this.#kept.length;
    for (const { position, bytes } of this.#unsynced) {
      length = Math.max(length, position + bytes.length);
    }
    const kept = new Uint8Array(length);
    kept.set(this.#kept);
    for (const { position, bytes } of this.#unsynced) kept.set(bytes, position);
    this.#kept = kept;
  }
}

const noRandom = new Random(0);
const zeros = Buffer.alloc(1 << 20);
const digests = new WeakMap<Uint8Array, string>();

/** Sectors of a write; of zeros beyond the file's end, whose number says nothing, two halves. */
function stretches(position: number, bytes: Uint8Array, kept: number): [number, number][] {
  const { length } = bytes;
  if (position >= kept && length > sectorBytes && bytes.every((byte) => byte === 0)) {
    return [
      [0, length >> 1],
      [length >> 1, length],
    ];
  }
  const found: [number, number][] = [];
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + sectorBytes - ((position + from) % sectorBytes));
    found.push([from, to]);
    from = to;
  }
  return found;
}

/** Without most of the zeros at its end: a slot is mostly that. */
function usedOf(bytes: Uint8Array): number {
  let used = bytes.length;
  while (used > 64) {
    const half = used >> 1;
    const behind = Buffer.from(bytes.buffer, bytes.byteOffset + half, used - half);
    if (!behind.equals(zeros.subarray(0, used - half))) break;
    used = half;
  }
  return used;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

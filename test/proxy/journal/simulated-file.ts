import type { Random } from '../../random.js';
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
    const before = Uint8Array.from(this.seen.subarray(position, position + bytes.length));
    const lengthBefore = this.seen.length;
    if (this.#isShared || position + bytes.length > lengthBefore) {
      const length = Math.max(lengthBefore, position + bytes.length);
      const grown = new Uint8Array(length);
      grown.set(this.seen);
      this.seen = grown;
      this.#isShared = false;
    }
    this.seen.set(bytes, position);
    this.#unsynced.push({
      ...{ order, position, before, lengthBefore },
      bytes: Uint8Array.from(bytes),
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
    const done = random.below(last.bytes.length + 1);
    this.#unsynced.pop();
    const seen = Uint8Array.from(this.seen);
    seen.set(last.before, last.position);
    this.seen = seen.subarray(0, last.lengthBefore);
    this.#isShared = true;
    if (done > 0) this.write(last.position, last.bytes.subarray(0, done), order);
  }

  cut(outcome: Outcome, until: number, random: Random): void {
    this.#keep(outcome, until, random);
    this.#unsynced = [];
    this.seen = this.#kept;
    this.#isShared = true;
    this.#isSplit = false;
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

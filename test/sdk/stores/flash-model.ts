import type { Region } from '../../../sdk/stores/region.js';
import type { Random } from '../../random.js';

// Flash in a test's hands: erasing makes 0xFF, bits only fall, and the power can end within any byte of a write and within an
// erase. What a store must not do (write a byte twice between two erases, or part of a unit) is an error of the test.

export class PowerCut extends Error {}

/** Steps that a cut can fall into: each byte of a write, and so many of an erase. */
const ERASE_STEPS = 8;

export class FlashModel implements Region {
  readonly bytes: Uint8Array;
  readonly erases: number[];
  bytesWritten = 0;
  /** Steps done since the beginning. */
  steps = 0;
  /** At this step the power ends. */
  cutAt = Infinity;
  /** What an erase that is cut leaves; at random unless a test says. */
  remains: ((sector: Uint8Array) => void) | null = null;
  /** The power ends in the erase with this number, from 1 on. */
  cutErase = 0;
  /** What happened when it did. */
  cutIn: 'write' | 'erase' | null = null;

  constructor(
    readonly sectorBytes: number,
    readonly sectors: number,
    readonly alignBytes: number,
    /** For what a cut leaves. */
    readonly random: Random,
    content?: Uint8Array,
  ) {
    this.bytes = content ?? random.bytes(sectorBytes * sectors);
    this.erases = new Array<number>(sectors).fill(0);
  }

  /** The power is back. */
  powerUp(): void {
    this.cutAt = Infinity;
    this.cutIn = null;
  }

  read = (address: number, size: number): Uint8Array => {
    this.#alive();
    if (address < 0 || address + size > this.bytes.length) throw new Error(`read at ${address}`);
    return this.bytes.slice(address, address + size);
  };

  write = (address: number, bytes: Uint8Array): void => {
    this.#alive();
    if (address % this.alignBytes || bytes.length % this.alignBytes || bytes.length === 0) {
      throw new Error(`a write of ${bytes.length} bytes at ${address} is no whole unit`);
    }
    bytes.forEach((byte, index) => {
      const at = address + index;
      if (this.bytes[at] !== 0xff) throw new Error(`byte ${at} is written twice`);
      if (this.steps === this.cutAt) {
        // Some of the bits have fallen.
        this.bytes[at]! &= byte | this.random.below(256);
        this.cutIn = 'write';
        throw new PowerCut();
      }
      this.steps++;
      this.bytes[at] = byte;
      this.bytesWritten++;
    });
  };

  erase = (address: number): void => {
    this.#alive();
    if (address % this.sectorBytes) throw new Error(`an erase at ${address}`);
    const sector = this.bytes.subarray(address, address + this.sectorBytes);
    this.erases[address / this.sectorBytes]!++;
    const erases = this.erases.reduce((sum, one) => sum + one);
    if (erases === this.cutErase) this.cutAt = this.steps;
    if (this.cutAt < this.steps + ERASE_STEPS) {
      this.#halfErase(sector, (this.cutAt - this.steps) / ERASE_STEPS);
      this.cutIn = 'erase';
      this.steps = this.cutAt;
      throw new PowerCut();
    }
    this.steps += ERASE_STEPS;
    sector.fill(0xff);
  };

  #alive(): void {
    if (this.cutIn !== null) throw new PowerCut();
  }

  #halfErase(sector: Uint8Array, share: number): void {
    if (this.remains) {
      this.remains(sector);
      return;
    }
    const edge = Math.floor(sector.length * share);
    const how = this.random.below(5);
    if (how === 0) sector.fill(0xff, 0, edge);
    if (how === 1) sector.fill(0xff, sector.length - edge);
    if (how === 2) {
      for (let at = 0; at < sector.length; at++) sector[at]! |= this.random.below(256);
    }
    if (how === 3) sector.set(this.random.bytes(sector.length));
    // Erased, bit by bit, but for a few.
    if (how === 4) {
      for (let at = 0; at < sector.length; at++) {
        if (this.random.next() < share) sector[at] = 0xff;
      }
    }
  }
}

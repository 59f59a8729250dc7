import { crc32 } from '../../proxy/crc32.js';
import type { FlashModel } from '../sdk/stores/flash-model.js';
import type { Run } from './site-device.js';

// What a device's flash gives up, seen from below: the blocks that lie in a sector when it is erased. It knows STORES.md's bytes and
// nothing of the store, so that the oracle need not believe what the store says of itself.

const headBytes = 16;
const checkBytes = 4;

interface Block {
  run: Run;
  first: number;
  count: number;
}

export class FlashWatch {
  readonly #flash: FlashModel;
  /** By their bytes: two runs may have said the same. */
  readonly #blocks = new Map<string, Block[]>();

  constructor(flash: FlashModel) {
    this.#flash = flash;
    const { erase } = flash;
    flash.erase = (address) => {
      if (flash.cutIn === null) this.#erased(address);
      erase(address);
    };
  }

  stored(entry: Uint8Array, block: Block): void {
    const key = keyOf(entry);
    const same = this.#blocks.get(key);
    if (same === undefined) this.#blocks.set(key, [block]);
    else same.push(block);
  }

  #erased(address: number): void {
    const sector = this.#sector(address);
    const number = numberOf(sector);
    if (number === null) return;
    const { sectorBytes, sectors } = this.#flash;
    for (let place = 0; place < sectors; place++) {
      const other = numberOf(this.#sector(place * sectorBytes));
      if (other !== null && other < number) {
        throw new Error(`sector ${number} is erased, and ${other} is older`);
      }
    }
    for (const { run, first, count } of this.#blocksIn(sector)) {
      for (let seq = first; seq < first + count; seq++) {
        if (seq >= run.acknowledged) run.erased.add(seq);
      }
    }
  }

  *#blocksIn(sector: Buffer): Iterable<Block> {
    const { alignBytes } = this.#flash;
    for (let at = headBytes; at + 8 < sector.length; ) {
      const size = sector[at + 1]!;
      if (size < 8 || at + size > sector.length) return;
      yield* this.#blocks.get(keyOf(sector.subarray(at, at + size))) ?? [];
      at += Math.ceil((size + checkBytes) / alignBytes) * alignBytes;
    }
  }

  #sector(address: number): Buffer {
    return Buffer.from(this.#flash.bytes.subarray(address, address + this.#flash.sectorBytes));
  }
}

function keyOf(entry: Uint8Array): string {
  return Buffer.from(entry).toString('latin1');
}

/** Null where there is no whole head. */
function numberOf(sector: Buffer): number | null {
  const checkAt = headBytes - checkBytes;
  const isHead = sector.toString('latin1', 0, 3) === 'HWF';
  if (!isHead || sector.readUInt32BE(checkAt) !== crc32(sector.subarray(0, checkAt))) return null;
  return sector.readUInt32BE(4);
}

import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { flash } from './flash.js';
import type { Store } from './store.js';

// The store of flash.ts in one file of a fixed size, for Node: STORES.md's bytes, a sector behind the other. A write is on the disk when it
// returns. Making it throws where the file can't be opened; later, a disk that fails ends the program, since nothing can be promised any more.

/** undefined where a newer format is in the file. */
export const file = (path: string, sizeBytes: number): Store | undefined => {
  const sectorBytes = 4096;
  const sectors = Math.max(2, Math.floor(sizeBytes / sectorBytes));
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT);
  // What the file does not have yet is 0, which is no head.
  ftruncateSync(descriptor, sectors * sectorBytes);
  const write = (address: number, bytes: Uint8Array): void => {
    writeSync(descriptor, bytes, 0, bytes.length, address);
    fsyncSync(descriptor);
  };
  const store = flash({
    sectorBytes,
    sectors,
    read(address, size) {
      const bytes = new Uint8Array(size);
      readSync(descriptor, bytes, 0, size, address);
      return bytes;
    },
    write,
    erase: (address) => write(address, new Uint8Array(sectorBytes).fill(255)),
  });
  if (!store) closeSync(descriptor);
  return store;
};

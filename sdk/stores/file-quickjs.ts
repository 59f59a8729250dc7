import { type File, open } from 'std';
import { flash } from './flash.js';
import type { Store } from './store.js';

// The store of flash.ts in one file of a fixed size, for QuickJS's own `std`: STORES.md's bytes, a sector behind the other. It has no fsync:
// what was written outlives the process, and the power where the system writes through (mount with `sync`).

/** undefined where a newer format is in the file; throws where it can't be made. */
export const file = (path: string, sizeBytes: number): Store | undefined => {
  const sectorBytes = 4096;
  const sectors = Math.max(2, Math.floor(sizeBytes / sectorBytes));
  const opened = open(path, 'r+') || open(path, 'w+');
  if (!opened) throw Error(`can't open ${path}`);
  const of: File = opened;
  const write = (address: number, bytes: Uint8Array): void => {
    of.seek(address, 0);
    of.write(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
    of.flush();
  };
  return flash({
    sectorBytes,
    sectors,
    read(address, size) {
      // What the file does not have yet is 0, which is no head.
      const bytes = new Uint8Array(size);
      of.seek(address, 0);
      of.read(bytes.buffer, 0, size);
      return bytes;
    },
    write,
    erase: (address) => write(address, new Uint8Array(sectorBytes).fill(255)),
  });
};

import { flash } from './flash.js';
import type { Store } from './store.js';

// The store of flash.ts in files of Espruino's Storage, one a sector, each of its full size from its first use on. A file that is taken into use again
// is erased by the engine's own means: it is written anew, which leaves the old one as trash. Compaction, which is not safe when the power
// ends, happens only when this store is made, before anything is written.

declare const require: (module: 'Storage') => {
  read(name: string, offset: number, size: number): string | undefined;
  write(name: string, data: Uint8Array | string, offset: number, size?: number): boolean;
  erase(name: string): void;
  getFree(): number;
  compact(): void;
};
declare const E: { toUint8Array(text: string): Uint8Array };

/** `sectors` files `name0`, `name1` … of `sectorBytes`, 4,096 unless told. undefined where a newer format is in them. */
export const espruinoStorage = (
  fileName: string,
  sectors: number,
  fileBytes?: number,
): Store | undefined => {
  const storage = require('Storage');
  const sectorBytes = fileBytes || 4096;
  const nameOf = (address: number) => fileName + Math.floor(address / sectorBytes);
  if (storage.getFree() < 2 * sectorBytes) storage.compact();
  return flash({
    sectorBytes,
    sectors,
    read(address, size) {
      const text = storage.read(nameOf(address), address % sectorBytes, size);
      // A file that is not there yet reads as a sector that holds nothing.
      return text ? E.toUint8Array(text) : new Uint8Array(size);
    },
    write: (address, bytes) => {
      storage.write(nameOf(address), bytes, address % sectorBytes, sectorBytes);
    },
    erase(address) {
      storage.erase(nameOf(address));
      // Makes the file; what is not written in it stays erased.
      storage.write(nameOf(address), '', 0, sectorBytes);
    },
  });
};

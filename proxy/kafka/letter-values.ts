// Whole values of dead letters that had to go without their end: files of the journal's folder, named by their SHA-256. KAFKA.md [K-37]

import { join } from 'node:path';
import type { Disk } from '../disk.js';
import { errorCode, errorText } from '../journal/error.js';
import type { DeadLetters } from './lane-types.js';
import { sha256Of } from './letters.js';

const bytesMax = 64 * 1024 * 1024;

export const letterFolderOf = (journalFolder: string): string =>
  join(journalFolder, 'dead-letters');

/** Where the files have come to their most, or the disk takes no more, the letter alone is what is left. */
export function createLetterValues(disk: Disk, folder: string): DeadLetters['keep'] {
  let bytes: number | null = null;

  async function bytesThere(): Promise<number> {
    await disk.makeFolder(folder);
    let sum = 0;
    for (const name of await disk.list(folder)) {
      const file = await disk.open(join(folder, name), 'read');
      sum += await file.size();
      await file.close();
    }
    return sum;
  }

  return async (sha256, value) => {
    try {
      bytes ??= await bytesThere();
      if (bytes + value.length > bytesMax) return;
      const file = await disk.create(join(folder, sha256));
      try {
        await file.write(0, value);
        await file.sync();
      } finally {
        await file.close();
      }
      bytes += value.length;
      await disk.syncFolder(folder);
    } catch {
      // It is there already, or the disk is full: no reason to hold the lane.
    }
  };
}

/** The whole value; a text where it is not to be had: why. */
export async function readLetterValue(
  disk: Disk,
  folder: string,
  { sha256, bytes }: { sha256: string; bytes: number },
): Promise<Uint8Array | string> {
  const path = join(folder, sha256);
  try {
    const file = await disk.open(path, 'read');
    try {
      const value = await file.read(0, await file.size());
      if (sha256Of(value) === sha256) return value;
      return `the value in ${path} is damaged; put the file back from a copy`;
    } finally {
      await file.close();
    }
  } catch (error) {
    const why =
      errorCode(error) === 'ENOENT' ? 'is not there' : `can't be read (${errorText(error)})`;
    return `its whole value of ${bytes} bytes ${why} (${path}); Kafka has its beginning only`;
  }
}

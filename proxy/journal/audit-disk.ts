import type { Disk, DiskFile } from '../disk.js';
import { errorCode, errorText } from './error.js';

// A disk that is looked at and never changed, for the verbs that read a journal, and to ask an opening what it would say
// (audit-opening.ts): what an opening writes while it decides are bytes that stand there already ([J-71]), and is left out.
// Its errors name their file.

export function readingDisk(disk: Disk): Disk {
  return {
    list: (folder) => named(folder, disk.list(folder)),
    open: async (path) => readingFile(await disk.open(path, 'read'), path),
    freeBytes: (folder) => disk.freeBytes(folder),
    makeFolder: async () => {},
    syncFolder: async () => {},
    create: (path) => Promise.reject(refused(path)),
    remove: (path) => Promise.reject(refused(path)),
    lock: (folder) => Promise.reject(refused(folder)),
  };
}

function readingFile(file: DiskFile, path: string): DiskFile {
  return {
    read: (position, length) => named(path, file.read(position, length)),
    size: () => named(path, file.size()),
    write: async () => {},
    sync: async () => {},
    allocate: async () => {},
    close: () => file.close(),
  };
}

/** Node names the file in what `open` throws, and not in what `read` does. */
async function named<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const code = errorCode(error);
    const text = errorText(error);
    if (code === undefined || text.includes(path)) throw error;
    const { syscall } = error as NodeJS.ErrnoException;
    throw Object.assign(new Error(`${text} '${path}'`, { cause: error }), { code, syscall });
  }
}

function refused(path: string): Error {
  return new Error(`${path}: it is only read`);
}

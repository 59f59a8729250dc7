import type { Clock } from './clock.js';
import type { Disk, DiskFile } from './disk.js';

// A disk that says how long each fsync and fdatasync took, the failed ones too: nothing else decides how soon a device is acknowledged.

export function timedDisk(disk: Disk, clock: Clock, synced: (seconds: number) => void): Disk {
  async function timed(sync: () => Promise<void>): Promise<void> {
    const sinceMs = clock.monotonicMs();
    try {
      await sync();
    } finally {
      synced((clock.monotonicMs() - sinceMs) / 1000);
    }
  }
  const timedFile = (file: DiskFile): DiskFile => ({
    read: (position, length) => file.read(position, length),
    write: (position, bytes) => file.write(position, bytes),
    sync: () => timed(() => file.sync()),
    size: () => file.size(),
    allocate: (length) => file.allocate(length),
    close: () => file.close(),
  });
  return {
    makeFolder: (path) => disk.makeFolder(path),
    list: (path) => disk.list(path),
    create: async (path) => timedFile(await disk.create(path)),
    open: async (path, mode) => timedFile(await disk.open(path, mode)),
    remove: (path) => disk.remove(path),
    syncFolder: (path) => timed(() => disk.syncFolder(path)),
    freeBytes: (path) => disk.freeBytes(path),
    lock: (path) => disk.lock(path),
  };
}

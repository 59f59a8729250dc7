// A disk that promises nothing, for making a large journal: what is measured on it afterwards syncs.

import type { Disk, DiskFile } from '../../proxy/disk.js';
import { nodeDisk } from '../../proxy/disk-node.js';

export function unsyncedDisk(): Disk {
  const disk = nodeDisk();
  const unsynced = (file: DiskFile): DiskFile => ({ ...file, sync: async () => {} });
  return { ...disk, create: async (path) => unsynced(await disk.create(path)) };
}

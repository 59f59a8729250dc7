// The one way in which the proxy touches the disk, so that tests can tear, reorder, fail and fill
// it; disk-node.ts is the real one. Everything is asynchronous; every error is Node's own
// (`code` = ENOSPC, EIO, EEXIST, …), except a lock's (ELOCKED).

export interface DiskFile {
  /** Reads up to `length` bytes at `position`; short at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Writes all of `bytes` at `position`. The bytes are the file's until the promise settles. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** fdatasync(2). A failed one says nothing about later ones: never sync that file again. */
  sync(): Promise<void>;
  size(): Promise<number>;
  /** Reserves `length` bytes from 0 by writing zeros, so that a full disk cannot take them back. */
  allocate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface DiskLock {
  /** Is the lock in the folder still this one? Asked again after a racing opener may have come. */
  held(): Promise<boolean>;
  /** Never throws. */
  release(): Promise<void>;
}

export interface Disk {
  /** Makes the folder and its parents; the name of each is durable when it answers. */
  makeFolder(path: string): Promise<void>;
  /** Names of what lies in the folder, in no order. */
  list(path: string): Promise<string[]>;
  /** O_EXCL: fails with EEXIST. Readable and writable. */
  create(path: string): Promise<DiskFile>;
  open(path: string, mode: 'read' | 'write'): Promise<DiskFile>;
  remove(path: string): Promise<void>;
  /** fsync(2) of the folder: makes creations and removals durable. */
  syncFolder(path: string): Promise<void>;
  freeBytes(path: string): Promise<number>;
  /**
   * A lock on the folder that dies with its process; a file in it whose name begins with `lock.`.
   * Refused with code 'ELOCKED' where another lives.
   */
  lock(path: string): Promise<DiskLock>;
}

import { randomBytes } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disk, DiskFile, DiskLock } from './disk.js';

// The real disk: the only file of the proxy that imports node:fs.
// The lock is a Unix socket in the folder: the kernel closes it with its process, however that
// ends, and connecting tells a living owner from a name that was left behind. A PID file cannot.
//
//   listen on lock.<random> ── link ──► lock        link(2) is atomic and fails where one is there
//   a `lock` that refuses connections ── rename ──► lock.<random>.stale, asked again, then removed
//
// So no socket is ever removed that was not found dead under a name that nobody else uses. One that
// was renamed and is alive is put back; until then whoever takes `lock` sees it, and gives way.

export function nodeDisk(): Disk {
  return {
    makeFolder,
    list: (folder) => fs.readdir(folder),
    create: async (file) => nodeFile(await fs.open(file, 'wx+', 0o640)),
    open: async (file, mode) => nodeFile(await fs.open(file, mode === 'read' ? 'r' : 'r+')),
    remove: (file) => fs.unlink(file),
    syncFolder,
    async freeBytes(folder) {
      const { bavail, bsize } = await fs.statfs(folder);
      return bavail * bsize;
    },
    lock,
  };
}

function nodeFile(handle: fs.FileHandle): DiskFile {
  const write = async (position: number, bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(
        bytes,
        done,
        bytes.length - done,
        position + done,
      );
      done += bytesWritten;
    }
  };
  return {
    async read(position, length) {
      const bytes = Buffer.allocUnsafeSlow(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    write,
    sync: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    async allocate(length) {
      const zeros = Buffer.alloc(Math.min(length, 65_536));
      for (let done = 0; done < length; done += zeros.length) {
        await write(done, zeros.subarray(0, Math.min(zeros.length, length - done)));
      }
    },
    close: () => handle.close(),
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  const whole = path.resolve(folder);
  await make(whole);
  // Also where nothing was made: a process before may have been killed before it synced this.
  for (let name = whole; name !== path.dirname(name); name = path.dirname(name)) {
    await syncFolder(path.dirname(name)).catch((error: unknown) => {
      if (!unsyncable.has(codeOf(error) ?? '')) throw error;
    });
  }
}

/** A folder above that may not be read, or whose file system has nothing to sync. */
const unsyncable: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EINVAL', 'EROFS']);

/** Not mkdir's `recursive`, which never ends under /proc (Node 20.20). */
async function make(folder: string): Promise<void> {
  try {
    await fs.mkdir(folder, 0o750);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await fs.stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT' || folder === path.dirname(folder)) throw error;
    await make(path.dirname(folder));
    await fs.mkdir(folder, 0o750).catch((again: unknown) => {
      // Another start, at the same time.
      if (codeOf(again) !== 'EEXIST') throw again;
    });
  }
}

/** What sockaddr_un holds on Linux, without the closing 0. */
const socketPathBytesMax = 107;

/** The folder under a name that is short enough for a socket's address. */
async function socketFolder(folder: string): Promise<{ name: string; close(): Promise<void> }> {
  const longest = path.join(folder, `lock.${'0'.repeat(16)}.stale`);
  if (Buffer.byteLength(longest) <= socketPathBytesMax) {
    return { name: folder, close: async () => {} };
  }
  if (process.platform !== 'linux') {
    throw lockError('ENAMETOOLONG', `${folder}: too long a name for a lock; use a shorter one`);
  }
  const handle = await fs.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { name: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

/** Others sweep while they lock: a name that they took for dead is looked for in vain. */
async function lock(folder: string): Promise<DiskLock> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryLock(folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === 5) throw error;
    }
  }
}

async function tryLock(folder: string): Promise<DiskLock> {
  const short = await socketFolder(folder);
  const token = randomBytes(8).toString('hex');
  const own = path.join(short.name, `lock.${token}`);
  const shared = path.join(short.name, 'lock');
  const server = net.createServer((socket) => socket.destroy());
  server.unref();
  const abandon = async () => {
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await fs.unlink(own).catch(() => {});
    await short.close();
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(own, resolve);
    });
    server.on('error', () => {});
    const { ino } = await fs.lstat(own, { bigint: true });
    await publish(own, shared, `${own}.stale`, folder);
    // Closing the server unlinks the name it was bound to: that must not be `lock`, which may be
    // another's by then.
    await fs.unlink(own).catch(() => {});
    if (await sweep(short.name, ino)) {
      if ((await inode(shared)) === ino) await fs.unlink(shared).catch(() => {});
      throw lockedError(folder);
    }
    // Once this socket is closed its inode may be another's.
    let isReleased = false;
    const isThere = async () => (await inode(shared)) === ino;
    // Asked again at the end: it may have been put back between the first two questions.
    const held = async () =>
      !isReleased && ((await isThere()) || (await isRenamed(short.name, ino)) || (await isThere()));
    return {
      held,
      async release() {
        if (isReleased) return;
        isReleased = true;
        if (await isThere()) await fs.unlink(shared).catch(() => {});
        await abandon();
      },
    };
  } catch (error) {
    await abandon();
    throw error;
  }
}

/** Gives the listening socket `own` the name `shared`, taking it from a dead owner only. */
async function publish(own: string, shared: string, stale: string, folder: string) {
  for (let attempt = 0; attempt < 16; attempt++) {
    try {
      return await fs.link(own, shared);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const found = await fs.lstat(shared).catch(() => null);
    if (found !== null && !found.isSocket()) {
      throw lockError('EEXIST', `${folder}/lock is not a lock of this program; move it away`);
    }
    if (await alive(shared)) break;
    try {
      await fs.rename(shared, stale);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue;
      throw error;
    }
    // Between the two questions another may have come: then what was renamed is alive.
    if (await alive(stale)) {
      await putBack(stale, shared);
      break;
    }
    await fs.unlink(stale);
  }
  throw lockedError(folder);
}

/** A third one that took the name meanwhile gives way. If it does not, `stale` stays and tells. */
async function putBack(stale: string, shared: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await fs.link(stale, shared);
      await fs.unlink(stale);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      await sleep(2);
    }
  }
}

/**
 * Removes names that processes left which died while locking. True where another's lock lives under
 * the name that `putBack` is about to take from it.
 */
async function sweep(folder: string, own: bigint): Promise<boolean> {
  let isAnothers = false;
  for (const name of await fs.readdir(folder)) {
    if (!/^lock\.[0-9a-f]{16}(\.stale)?$/.test(name)) continue;
    const left = path.join(folder, name);
    if (!(await alive(left))) await fs.unlink(left).catch(() => {});
    else if (name.endsWith('.stale') && (await inode(left)) !== own) isAnothers = true;
  }
  return isAnothers;
}

/** Is this socket between `rename` and `putBack`? */
async function isRenamed(folder: string, own: bigint): Promise<boolean> {
  for (const name of await fs.readdir(folder)) {
    if (name.endsWith('.stale') && (await inode(path.join(folder, name))) === own) return true;
  }
  return false;
}

function alive(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      // EAGAIN: its queue of connections is full, as of a process that was stopped.
      else if (code === 'EAGAIN' || code === 'ECONNRESET' || code === 'EPIPE') resolve(true);
      else reject(error);
    });
  });
}

async function inode(file: string): Promise<bigint | null> {
  return fs.lstat(file, { bigint: true }).then(
    (found) => found.ino,
    () => null,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function lockedError(folder: string): Error {
  return lockError('ELOCKED', `${folder} is in use by another process`);
}

function lockError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

import { randomBytes, randomInt } from 'node:crypto';
import { constants, promises as fs } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Disk, DiskFile, DiskLock } from './disk.js';

// The real disk: the only file of the proxy that imports node:fs.
// The lock is a Unix socket in the folder: the kernel closes it with its process, however that
// ends, and connecting tells a living owner from a name that was left behind. A PID file cannot.
//
//   listen on lock.<random>.new ── rename ──► lock.<random> ── look ──► no other lives: it is held
//
// Whoever publishes looks afterwards, so of two at once at least one sees the other and gives way.
// A name is never used twice, so one that was found dead is dead for ever and may be removed.

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
  const longest = path.join(folder, `lock.${'0'.repeat(16)}.new`);
  if (Buffer.byteLength(longest) <= socketPathBytesMax) {
    return { name: folder, close: async () => {} };
  }
  if (process.platform !== 'linux') {
    throw lockError('ENAMETOOLONG', `${folder}: too long a name for a lock; use a shorter one`);
  }
  const handle = await fs.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { name: `/proc/self/fd/${handle.fd}`, close: () => handle.close() };
}

/** Two at once may both give way: they look again after waits that grow apart. */
async function lock(folder: string): Promise<DiskLock> {
  for (let attempt = 1; attempt <= 7; attempt++) {
    const taken = await tryLock(folder);
    if (taken !== null) return taken;
    await sleep(randomInt(1, 4 << attempt));
  }
  throw lockError('ELOCKED', `${folder} is in use by another process`);
}

/** Null where another's lives, or took this one's name for dead before it listened. */
async function tryLock(folder: string): Promise<DiskLock | null> {
  const short = await socketFolder(folder);
  const name = `lock.${randomBytes(8).toString('hex')}`;
  const own = path.join(short.name, name);
  const server = net.createServer((socket) => socket.destroy());
  server.unref();
  const close = async () => {
    await fs.unlink(own).catch(() => {});
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await short.close();
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(`${own}.new`, resolve);
    });
    server.on('error', () => {});
    await fs.rename(`${own}.new`, own);
    if (await isHeldByAnother(short.name, name)) {
      await close();
      return null;
    }
  } catch (error) {
    await close();
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  let isReleased = false;
  return {
    held: async () => !isReleased && (await fs.lstat(own).catch(() => null)) !== null,
    async release() {
      if (isReleased) return;
      isReleased = true;
      await close();
    },
  };
}

/** Removes the names of the dead on its way. */
async function isHeldByAnother(folder: string, ownName: string): Promise<boolean> {
  let isHeld = false;
  for (const name of await fs.readdir(folder)) {
    if (!/^lock\.[0-9a-f]{16}(\.new)?$/.test(name) || name === ownName) continue;
    const found = path.join(folder, name);
    if (!(await alive(found))) await fs.unlink(found).catch(() => {});
    else if (!name.endsWith('.new')) isHeld = true;
  }
  return isHeld;
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

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function lockError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

// The file of the registry, as it is read and replaced: it has to be this user's own and nobody else's to read or write; a new one comes in one
// step, durable before its name; two changes at once come one after the other, and what somebody's editor wrote meanwhile is not lost.

import { type BigIntStats, constants, promises as fs } from 'node:fs';
import path from 'node:path';
import { nodeDisk } from '../disk-node.js';
import { StartError } from '../start-error.js';
import { type KeyEntry, keysText, type Mistake, parseKeys } from './registry-text.js';

/** What a person has to mend: each line stands on its own. Never holds a key. */
export class KeysError extends StartError {
  override name = 'KeysError';
}

export interface KeysFile {
  text: string;
  /** Another one: the file was written, replaced, or its rights were changed. */
  stamp: string;
}

const lockWaitMs = 10_000;
const fileBytesMax = 64 * 1024 * 1024;
const mistakesShown = 10;

/** Null where there is none. */
export async function readKeysFile(file: string): Promise<KeysFile | null> {
  // Without O_NONBLOCK a named pipe would hold the call until somebody writes to it.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    const handle = await fs.open(file, flags);
    try {
      // Before the text: what changes meanwhile has another stamp.
      const stats = await handle.stat({ bigint: true });
      refuseStats(file, stats);
      await refuseFolder(path.dirname(await fs.realpath(file)));
      return { text: await handle.readFile('latin1'), stamp: stampOf(stats) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unreadable(file, error);
  }
}

/** Of what lies there now; null where there is nothing. */
export async function keysStamp(file: string): Promise<string | null> {
  try {
    return stampOf(await fs.stat(file, { bigint: true }));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unreadable(file, error);
  }
}

/** The entries, or a KeysError with a line for each mistake. */
export function checkedKeys(file: string, text: string): KeyEntry[] {
  const { entries, mistakes } = parseKeys(text);
  if (mistakes.length === 0) return entries;
  const shown = mistakes.slice(0, mistakesShown).map(({ line, text }: Mistake) => {
    return `${file}:${line}: ${text}`;
  });
  const more = mistakes.length - shown.length;
  throw new KeysError([...shown, ...(more > 0 ? [`${file}: and ${more} more`] : [])].join('\n'));
}

/** `change` gets what is there, null where there is no file, and answers what is to be. What it throws leaves the file as it was. */
export async function changeKeysFile(
  name: string,
  change: (entries: readonly KeyEntry[] | null) => readonly KeyEntry[],
): Promise<void> {
  // The file behind a symbolic link is replaced, not the link.
  const file = await fs.realpath(name).catch(() => name);
  const disk = nodeDisk();
  const folder = path.dirname(path.resolve(file));
  const lock = await lockFolder(folder);
  try {
    const found = await readKeysFile(file);
    const next = change(found === null ? null : checkedKeys(file, found.text));
    await writeNew(`${file}.new`, keysText(next));
    if ((await keysStamp(file)) !== (found?.stamp ?? null)) {
      await fs.rm(`${file}.new`, { force: true });
      throw new KeysError(
        `${file}: somebody changed it meanwhile, and nothing was written: run it again`,
      );
    }
    await fs.rename(`${file}.new`, file);
    await disk.syncFolder(folder);
  } catch (error) {
    throw unwritable(file, error);
  } finally {
    await lock.release();
  }
}

/** Under the lock: what lies there is of one that was killed. */
async function writeNew(file: string, text: string): Promise<void> {
  await fs.rm(file, { force: true });
  const handle = await fs.open(file, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await fs.rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** It dies with its process, so there is nothing to clean up after a kill. */
async function lockFolder(folder: string) {
  const endMs = performance.now() + lockWaitMs;
  for (;;) {
    try {
      return await nodeDisk().lock(folder);
    } catch (error) {
      if (codeOf(error) !== 'ELOCKED') throw unwritable(folder, error);
      if (performance.now() < endMs) continue;
      throw new KeysError(
        `${folder}: another process has its lock: a second \`headwater device\`? Run it again`,
      );
    }
  }
}

function refuseStats(file: string, stats: BigIntStats): void {
  const { mode, uid, size } = stats;
  if (!stats.isFile()) throw new KeysError(`${file}: it is no file`);
  if (size > fileBytesMax) throw new KeysError(`${file}: ${size} bytes are no registry of keys`);
  const own = process.getuid?.();
  // No such rights on Windows.
  if (own === undefined) return;
  if (uid !== BigInt(own)) {
    throw new KeysError(
      `${file}: it belongs to user ${uid}, and this runs as user ${own}: run it as that user, or chown ${own} ${file}`,
    );
  }
  const rights = Number(mode) & 0o777;
  if ((rights & 0o077) === 0) return;
  throw new KeysError(
    `${file}: others than its owner may read or write it (mode ${octal(rights)}), and it holds devices' keys: chmod 600 ${file}`,
  );
}

/** Who may rename in a folder replaces files that they may not write. With the sticky bit nobody does that to another's. */
async function refuseFolder(folder: string): Promise<void> {
  const { mode } = await fs.stat(folder);
  if ((mode & 0o1002) !== 0o0002) return;
  throw new KeysError(
    `${folder}: everybody may replace files in it (mode ${octal(mode & 0o7777)}), and it holds devices' keys: chmod o-w ${folder}`,
  );
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  // Rights and owner change the ctime.
  return [dev, ino, size, mtimeNs, ctimeNs].join('/');
}

function unreadable(file: string, error: unknown): unknown {
  if (error instanceof KeysError || codeOf(error) === undefined) return error;
  const what = codeOf(error) === 'EACCES' ? 'this user may not read it' : (error as Error).message;
  return new KeysError(`${file}: ${what}; it has to belong to the user that runs the proxy`, {
    cause: error,
  });
}

function unwritable(file: string, error: unknown): unknown {
  if (error instanceof KeysError || codeOf(error) === undefined) return error;
  const text = `${file}: nothing was changed: ${(error as Error).message}`;
  return new KeysError(text, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

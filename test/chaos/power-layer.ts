// Loaded into the built proxy before anything else (`node --import`): remembers what of a folder would be left if the
// power ended now. SIGKILL alone leaves the page cache; power.ts puts this in its place.
//
// - A file's content becomes durable when fsync or fdatasync of it has come back: as it was when that began.
// - A name (made, renamed, removed) becomes durable when fsync of the folder has come back.
//
//     shadow/  <id>      durable content of a file; empty as long as it was never synced
//              live      name → id, now          durable      name → id, as of the folder's last fsync
//
// Invariant: what is in the shadow was synced for real before, so it is never ahead of the disk.

import {
  copyFileSync,
  promises,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';

type Names = Record<string, string>;
type Handle = Awaited<ReturnType<typeof promises.open>>;

const folder = resolve(process.env.CHAOS_POWER_FOLDER ?? '');
const shadow = resolve(process.env.CHAOS_POWER_SHADOW ?? '');
let copies = 0;
const uniqueId = () => `${process.pid}-${process.hrtime.bigint()}-${++copies}`;

/** Whole or not at all: this process may be killed here too. */
function replaceFile(name: string, content: string): void {
  const fresh = join(shadow, `${name}.${uniqueId()}`);
  writeFileSync(fresh, content);
  renameSync(fresh, join(shadow, name));
}

const readNames = (which: 'live' | 'durable'): Names => {
  try {
    return JSON.parse(readFileSync(join(shadow, which), 'utf8')) as Names;
  } catch {
    return {};
  }
};

/** A process before was killed between a step and the note of it: the folder itself knows better. */
function reconciled(noted: Names): Names {
  const found = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(found.map(({ name }) => [name, noted[name] ?? emptyFile()]));
}

function emptyFile(): string {
  const id = uniqueId();
  writeFileSync(join(shadow, id), '');
  return id;
}

const isActive = isMainThread && process.env.CHAOS_POWER_FOLDER !== undefined;
const live: Names = isActive ? reconciled(readNames('live')) : {};
const isOurs = (path: string) => dirname(resolve(path)) === folder;
const saveLive = () => replaceFile('live', JSON.stringify(live));

function watchFile(handle: Handle, path: string, id: string): void {
  for (const name of ['sync', 'datasync'] as const) {
    const sync = handle[name].bind(handle);
    handle[name] = async () => {
      const copy = join(shadow, `copy.${uniqueId()}`);
      copyFileSync(path, copy);
      await sync();
      renameSync(copy, join(shadow, id));
    };
  }
}

function watchFolder(handle: Handle): void {
  for (const name of ['sync', 'datasync'] as const) {
    const sync = handle[name].bind(handle);
    handle[name] = async () => {
      const names = JSON.stringify(live);
      await sync();
      replaceFile('durable', names);
    };
  }
}

if (isActive) {
  const { open, unlink, rename } = promises;
  promises.open = async (file, flags, mode) => {
    const path = resolve(String(file));
    const handle = await open(file, flags, mode);
    if (path === folder) watchFolder(handle);
    if (!isOurs(path) || flags === 'r') return handle;
    const name = basename(path);
    if (live[name] === undefined) {
      live[name] = emptyFile();
      saveLive();
    }
    watchFile(handle, path, live[name]);
    return handle;
  };
  promises.unlink = async (file) => {
    await unlink(file);
    if (!isOurs(String(file)) || live[basename(String(file))] === undefined) return;
    delete live[basename(String(file))];
    saveLive();
  };
  promises.rename = async (from, to) => {
    await rename(from, to);
    const id = live[basename(String(from))];
    if (!isOurs(String(to)) || id === undefined) return;
    delete live[basename(String(from))];
    live[basename(String(to))] = id;
    saveLive();
  };
}

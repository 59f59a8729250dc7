import type { Disk, DiskFile } from '../disk.js';

// Under which name Kafka knows the journal of a folder: its id or, once a person has adopted it, the name that it was given then. So a copy
// that was not adopted is to Kafka another journal, and is refused ([J-74]). A file a time, `.adopted-<n>`, written before Kafka hears
// of it: a torn one counts for nothing, and then Kafka has not heard.

export interface Adoption {
  /** 32 hex digits. */
  name: string;
  /** The journal's id. */
  id: string;
  /** What begins below it was there when it was adopted: it may be in Kafka already. */
  until: number;
  /** For people. */
  at: string;
  host: string;
}

const fileName = /^\.adopted-([1-9]\d{0,8})$/;

/** The newest; null where the journal never was. Another journal's files, left in the folder, are none. */
export async function readAdoption(
  disk: Disk,
  folder: string,
  id: string,
): Promise<Adoption | null> {
  for (const number of await numbersIn(disk, folder)) {
    const found = parse(await contentOf(disk, pathOf(folder, number)));
    if (found?.id === id) return found;
  }
  return null;
}

/** On the disk with its name when it answers. */
export async function writeAdoption(disk: Disk, folder: string, adoption: Adoption): Promise<void> {
  const [last = 0] = await numbersIn(disk, folder);
  const file = await disk.create(pathOf(folder, last + 1));
  try {
    await file.write(0, Buffer.from(`${JSON.stringify(adoption)}\n`));
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncFolder(folder);
}

const pathOf = (folder: string, number: number) => `${folder}/.adopted-${number}`;

/** Newest first. */
async function numbersIn(disk: Disk, folder: string): Promise<number[]> {
  const names = await disk.list(folder);
  const numbers = names.flatMap((name) => fileName.exec(name)?.[1] ?? []).map(Number);
  return numbers.sort((a, b) => b - a);
}

async function contentOf(disk: Disk, path: string): Promise<string> {
  const file: DiskFile = await disk.open(path, 'read');
  try {
    return Buffer.from(await file.read(0, await file.size())).toString();
  } finally {
    await file.close();
  }
}

function parse(text: string): Adoption | null {
  try {
    const found = JSON.parse(text) as Record<string, unknown>;
    const { name, id, until, at, host } = found;
    const isWhole = /^[0-9a-f]{32}$/.test(`${name}`) && Number.isSafeInteger(until);
    return isWhole
      ? { name: `${name}`, id: `${id}`, until: Number(until), at: `${at}`, host: `${host}` }
      : null;
  } catch {
    return null;
  }
}

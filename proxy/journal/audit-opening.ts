import { createBooks } from '../books.js';
import { systemClock } from '../clock.js';
import type { Disk } from '../disk.js';
import { readingDisk } from './audit-disk.js';
import { readSlot, slotNames } from './checkpoint.js';
import { errorCode, JournalError } from './error.js';
import { parseSegmentName } from './format.js';
import { refuseForeign, unopenable } from './open.js';
import { recover } from './recovery.js';

// Would a proxy start on this journal? Asked of the code with which it opens one, on a disk that is only read: for
// `headwater journal verify` and `adopt`, so that neither calls fine what a proxy refuses.

interface Options {
  folder: string;
  disk: Disk;
  /** Before it is asked again: a proxy beside was at work. */
  pause(): Promise<void>;
}

/** The one line with which an opening refuses it; null where it does not, or where a running proxy has it open. */
export async function refusalOf(options: Options): Promise<JournalError | null> {
  const disk = readingDisk(options.disk);
  const { folder } = options;
  for (let more = 4; ; more--) {
    const before = await looks(folder, disk);
    const refusal = await ask(folder, disk);
    if (refusal === null) return null;
    // What is at rest is refused for what it is. What moves is read in the middle of something.
    if ((await looks(folder, disk)) === before) return refusal;
    if (more === 0) return null;
    await options.pause();
  }
}

async function ask(folder: string, disk: Disk): Promise<JournalError | null> {
  try {
    refuseForeign(folder, await disk.list(folder));
    const parts = { folder, disk, clock: systemClock(), books: createBooks() };
    await recover({ ...parts, onDamage: () => {} });
    return null;
  } catch (error) {
    // A proxy's start makes the folder.
    if (errorCode(error) === 'ENOENT' && (await isAbsent(folder, disk))) return null;
    const refusal = unopenable(folder, error);
    if (refusal instanceof JournalError) return refusal;
    throw error;
  }
}

async function isAbsent(folder: string, disk: Disk): Promise<boolean> {
  try {
    await disk.list(folder);
    return false;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}

/** Where two are alike nothing was written in between: each write moves the newest file's end, a name, or a sequence. */
async function looks(folder: string, disk: Disk): Promise<string> {
  try {
    const names = (await disk.list(folder)).sort();
    const newest = names.findLast((name) => parseSegmentName(name) !== null);
    const path = (name: string) => `${folder}/${name}`;
    const size = newest === undefined ? '' : await sizeOf(disk, path(newest));
    const slots = [];
    for (const name of slotNames) slots.push(await sequenceOf(disk, path(name)));
    return [...names, size, ...slots].join('\n');
  } catch (error) {
    return String(errorCode(error));
  }
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read');
  try {
    return await file.size();
  } finally {
    await file.close();
  }
}

async function sequenceOf(disk: Disk, path: string): Promise<string> {
  try {
    const slot = await readSlot(disk, path);
    return typeof slot === 'string' ? slot : String(slot.sequence);
  } catch (error) {
    return String(errorCode(error));
  }
}

import type { Disk, DiskLock } from '../disk.js';
import { errorCode, errorText, JournalError } from './error.js';
import { FileJournal } from './file-journal.js';
import type { Journal, JournalOptions } from './journal.js';
import { recover } from './recovery.js';
import { foreignNames } from './segments.js';

// Opens a journal: look, lock, recover, begin a segment of our own, look at the lock again.
// The order is what makes a refusal harmless and two racing openers safe ([J-3], [J-4]).

export const lanesMax = 1024;

export async function openFileJournal(options: JournalOptions): Promise<Journal> {
  const { folder, disk, clock } = options;
  const lanes = options.lanes ?? 1;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > lanesMax) {
    throw new RangeError(`journal: lanes is ${lanes}; it must be from 1 to ${lanesMax}`);
  }
  try {
    await disk.makeFolder(folder);
    refuseForeign(folder, await disk.list(folder));
    const lock = await takeLock(disk, folder);
    try {
      const books = options.books ?? null;
      const { onDamage = () => {} } = options;
      const recovered = await recover({ folder, disk, clock, lanes, books, onDamage });
      const journal = new FileJournal({ ...options, lanes }, recovered, lock);
      await journal.start(recovered.segments);
      return journal;
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw unopenable(folder, error);
  }
}

/** What the disk said, in one line; anything else as it is. */
export function unopenable(folder: string, error: unknown): unknown {
  if (error instanceof JournalError || errorCode(error) === undefined) return error;
  return new JournalError(
    'disk',
    `${folder}: the journal can't be opened (${errorText(error)}); give the proxy a folder on ` +
      'a working disk that it may write to',
    { cause: error },
  );
}

async function takeLock(disk: Disk, folder: string): Promise<DiskLock> {
  try {
    return await disk.lock(folder);
  } catch (error) {
    if (errorCode(error) !== 'ELOCKED') throw error;
    throw lockedError(folder);
  }
}

export function lockedError(folder: string): JournalError {
  return new JournalError(
    'locked',
    `${folder} is in use by another headwater; stop that one, or give this one its own folder`,
  );
}

export function refuseForeign(folder: string, names: readonly string[]): void {
  const foreign = foreignNames(names);
  if (foreign.length === 0) return;
  const some = foreign.slice(0, 3).join(', ') + (foreign.length > 3 ? ', …' : '');
  throw new JournalError(
    'foreign',
    `${folder} holds files that are no journal's (${some}); move them away or name another folder`,
  );
}

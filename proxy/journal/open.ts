import type { Disk, DiskLock } from '../disk.js';
import { errorCode, errorText, JournalError } from './error.js';
import { FileJournal } from './file-journal.js';
import type { Journal, JournalOptions } from './journal.js';
import type { LaneCount } from './lane.js';
import { batches, JournalReader } from './reader.js';
import { type Recovered, recover } from './recovery.js';
import { foreignNames } from './segments.js';
import type { State } from './state.js';

// Opens a journal: look, lock, recover, begin a segment of our own, look at the lock again.
// The order is what makes a refusal harmless and two racing openers safe ([J-3], [J-4]).

export async function openFileJournal(options: JournalOptions): Promise<Journal> {
  const { folder, disk, clock } = options;
  try {
    await disk.makeFolder(folder);
    refuseForeign(folder, await disk.list(folder));
    const lock = await takeLock(disk, folder);
    try {
      const books = options.books ?? null;
      const { onDamage = () => {} } = options;
      const recovered = await recover({ folder, disk, clock, books, onDamage });
      const laneCount = await laneCountFor(options, recovered);
      const journal = new FileJournal({ ...options, ...laneCount }, recovered, lock);
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

/** [J-6] */
async function laneCountFor(
  { folder, disk, lanes = 1 }: JournalOptions,
  { laneCount, state, end }: Recovered,
): Promise<LaneCount> {
  const wanted = { lanes, lanesSince: end };
  if (laneCount === null || laneCount.lanes === lanes) return laneCount ?? wanted;
  const reader = new JournalReader({ folder, disk });
  try {
    return (await hasWaiting(reader, end, state, laneCount)) ? laneCount : wanted;
  } finally {
    await reader.close();
  }
}

async function hasWaiting(
  reader: JournalReader,
  end: number,
  state: State,
  count: LaneCount,
): Promise<boolean> {
  const waitsFrom = Array.from({ length: count.lanes }, (_, lane) => state.waitsFrom(lane, count));
  const from = Math.max(await reader.begin(), Math.min(...waitsFrom));
  for await (const located of batches(reader, from, end)) {
    for (const { record, lane, offset } of located) {
      const isEvent = record.kind === 'block' || record.kind === 'loss';
      if (isEvent && offset >= (waitsFrom[lane] ?? end)) return true;
    }
  }
  return false;
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

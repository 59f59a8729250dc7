import type { Clock } from '../clock.js';
import type { Disk } from '../disk.js';
import { type Checkpoint, proveSlot, readSlot, slotNames } from './checkpoint.js';
import { JournalError } from './error.js';
import { hex, idSeed, segmentHeaderBytes } from './format.js';
import type { Books } from './journal.js';
import { openRecord } from './located.js';
import { recordType } from './payload.js';
import { type Listing, listSegments, newerFormat, type Segment } from './segments.js';
import { State } from './state.js';
import { findSyncedEnd, firstRecord, scan, type Walked } from './walk.js';

// What a folder's journal amounts to, before anything is acknowledged, welcomed or sent.
// Reads and refuses first; only then writes: the unproven tail once more, in its place, and syncs
// it ([J-71]). Opening costs what lies behind the newest checkpoint.
// Guarantees: everything below `end` is on the disk, and is in `state` and in the books.

export interface Recovered {
  id: Uint8Array;
  fresh: boolean;
  state: State;
  segments: Segment[];
  /** Names to remove once the new segment is durable. */
  void: string[];
  /** Where the new segment begins. */
  end: number;
  /** Largest generation that was given out. */
  generation: number;
  checkpointSequence: number;
  /** The slot that holds the newest checkpoint. */
  newestSlot: number;
  /** As in the newest checkpoint, while that segment is the newest. */
  voidGeneration: number;
}

interface Options {
  folder: string;
  disk: Disk;
  clock: Clock;
  lanes: number;
  books: Books | null;
}

const replayBytes = 1 << 20;

export async function recover(options: Options): Promise<Recovered> {
  const { folder, disk } = options;
  const listing = await listSegments(disk, folder);
  const { checkpoint, slot, states } = await readCheckpoints(options);
  const { segments } = listing;
  const first = segments[0];
  if (first === undefined) {
    if (checkpoint === null && states.every((state) => state === 'blank')) {
      return fresh(options, listing);
    }
    throw damaged(folder, 'there is a checkpoint and no segment', 'put the segments back');
  }
  const id = first.header.id;
  if (checkpoint !== null && hex(checkpoint.id) !== hex(id)) {
    throw new JournalError(
      'mismatch',
      `${folder}/${slotNames[slot]} belongs to journal ${hex(checkpoint.id)} and ` +
        `${first.name} to ${hex(id)}; put the files of one journal there`,
    );
  }
  const from = checkpoint?.end ?? 0;
  if (from < first.start) {
    throw damaged(
      folder,
      `the newest checkpoint can't be read and ${first.name} does not begin where replay must`,
      'put checkpoint-0 and checkpoint-1 back',
    );
  }
  checkLanes(options, checkpoint?.lanes ?? first.header.lanes);

  const state = checkpoint?.state ?? new State();
  if (checkpoint !== null) options.books?.restore(checkpoint.books);
  const end = await replay(options, segments, from, checkpoint, state);
  if (checkpoint !== null) await proveSlot(disk, `${folder}/${slotNames[slot]}`);
  await disk.syncFolder(folder);
  const last = segments.at(-1)!;
  const unused = end <= last.start + segmentHeaderBytes;
  return {
    id,
    fresh: false,
    state,
    segments: unused ? segments.slice(0, -1) : segments,
    void: unused ? [...listing.void, last.name] : listing.void,
    end: unused ? last.start : end,
    generation: Math.max(listing.generation, checkpoint?.generation ?? 0),
    checkpointSequence: checkpoint?.sequence ?? 0,
    newestSlot: slot,
    voidGeneration: last.generation === checkpoint?.voidGeneration ? last.generation : 0,
  };
}

function fresh(options: Options, listing: Listing): Recovered {
  return {
    id: options.clock.random(16),
    fresh: true,
    state: new State(),
    segments: [],
    void: listing.void,
    end: 0,
    generation: listing.generation,
    checkpointSequence: 0,
    newestSlot: 1,
    voidGeneration: 0,
  };
}

async function readCheckpoints({ folder, disk }: Options) {
  const states = [];
  let checkpoint: Checkpoint | null = null;
  let slot = 1;
  for (const [index, name] of slotNames.entries()) {
    const outcome = await readSlot(disk, `${folder}/${name}`);
    states.push(typeof outcome === 'string' ? outcome : 'valid');
    if (outcome === 'newer') throw newerFormat(`${folder}/${name}`);
    if (typeof outcome === 'string') continue;
    if (checkpoint !== null && hex(checkpoint.id) !== hex(outcome.id)) {
      throw new JournalError(
        'mismatch',
        `${folder}: checkpoint-0 belongs to journal ${hex(checkpoint.id)} and checkpoint-1 to ` +
          `${hex(outcome.id)}; put the files of one journal there`,
      );
    }
    if (checkpoint !== null && checkpoint.sequence > outcome.sequence) continue;
    checkpoint = outcome;
    slot = index;
  }
  return { checkpoint, slot, states };
}

function checkLanes({ folder, lanes }: Options, found: number): void {
  if (found === lanes) return;
  throw new JournalError(
    'mismatch',
    `${folder} was written with ${found} lane(s) and the configuration says ${lanes}; ` +
      `set it back to ${found}`,
  );
}

/** Brings state and books up to date; answers the end of the last valid record. */
async function replay(
  options: Options,
  segments: readonly Segment[],
  from: number,
  checkpoint: Checkpoint | null,
  state: State,
): Promise<number> {
  let end = from;
  for (const [index, segment] of segments.entries()) {
    if (segment.end !== null && segment.end <= from) continue;
    const isLast = index === segments.length - 1;
    const path = `${options.folder}/${segment.name}`;
    const file = await options.disk.open(path, isLast ? 'write' : 'read');
    try {
      const seed = idSeed(segment.header.id);
      const walked = { file, start: segment.start, generation: segment.generation, seed };
      const cut = segment.generation === checkpoint?.voidGeneration ? checkpoint.end : null;
      const limit = segment.end ?? cut ?? segment.start + segment.fileBytes;
      const begin = Math.max(segment.start, from);
      if (begin > limit) throw rot(path, limit, `the newest checkpoint was taken at ${from}`);
      const names = { path, journal: hex(segment.header.id) };
      const stop = await replaySegment(options, walked, names, begin, limit, state);
      if (!isLast) {
        if (stop.end < limit) throw rot(path, stop.end, 'a newer segment begins above it');
      } else {
        const proven = Math.max(begin, stop.proven);
        if (cut === null) await proveTail(walked, path, proven, stop.end, from);
      }
      end = Math.max(stop.end, from);
    } finally {
      await file.close();
    }
  }
  return end;
}

async function replaySegment(
  { books }: Options,
  walked: Walked,
  names: { path: string; journal: string },
  from: number,
  limit: number,
  state: State,
): Promise<{ end: number; proven: number }> {
  let end = from;
  let proven = from;
  for (;;) {
    const found = await scan(walked, end, limit, replayBytes);
    for (const raw of found.records) {
      if (raw.type === recordType.group) {
        proven = raw.offset;
        continue;
      }
      const located = openRecord(raw, { ...names, generation: walked.generation });
      if (located === null) continue;
      const { record } = located;
      if (!state.apply(record, raw.lane, raw.offset)) continue;
      if (record.kind === 'confirm') books?.confirmed(record.position.lane, record.committed);
      else if (record.kind !== 'forget') books?.synced(record);
    }
    end = found.next;
    if (found.stopped !== 'bytes') return { end, proven };
  }
}

/**
 * What the last group wrote is not known to be on the disk, though it can be read: after a sync
 * that failed the kernel may hold pages that it will never write. The same bytes, written again in
 * the same place, make it write them; then the sync says the truth.
 */
async function proveTail(
  walked: Walked,
  path: string,
  proven: number,
  end: number,
  checkpointEnd: number,
): Promise<void> {
  const { file, start } = walked;
  const above = Math.max(await findSyncedEnd(walked, end), checkpointEnd);
  if (above > firstRecord(start, end)) throw rot(path, end, `it was synced up to ${above}`);
  if (proven >= end) return;
  try {
    for (let at = proven; at < end; at += replayBytes) {
      const bytes = await file.read(at - start, Math.min(replayBytes, end - at));
      await file.write(at - start, bytes);
    }
    await file.sync();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new JournalError(
      'disk',
      `${path}: its newest records could not be written to the disk (${what}); check the disk, ` +
        'then start again',
      { cause: error },
    );
  }
}

function rot(path: string, offset: number, why: string): JournalError {
  return new JournalError(
    'damaged',
    `${path}: the record at offset ${offset} is damaged, though ${why}; put the file back from ` +
      'a copy, or move the folder away to begin a new journal without its events',
  );
}

function damaged(folder: string, what: string, remedy: string): JournalError {
  return new JournalError(
    'damaged',
    `${folder}: ${what}; ${remedy} from a copy, or move the folder away to begin a new journal`,
  );
}

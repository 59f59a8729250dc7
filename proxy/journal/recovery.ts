import type { Clock } from '../clock.js';
import { type Checkpoint, proveSlot, readSlot, slotNames } from './checkpoint.js';
import { JournalError } from './error.js';
import { hex, segmentHeaderBytes } from './format.js';
import { type LaneCount, laneCountOf } from './lane.js';
import { Replay, type ReplayOptions, replayBytes } from './replay.js';
import {
  journalOf,
  type Listing,
  listSegments,
  missing,
  newerFormat,
  type Segment,
  walkedOf,
} from './segments.js';
import { State } from './state.js';
import type { Walked } from './walk.js';

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
  /** The slot that holds the newest checkpoint, and the end that it covers. */
  newest: { slot: number; end: number };
  /** As in the newest checkpoint, while that segment is the newest. */
  voidGeneration: number;
  /** As it was in force; null where no segment has records. */
  laneCount: LaneCount | null;
}

interface Options extends ReplayOptions {
  clock: Clock;
}

export async function recover(options: Options): Promise<Recovered> {
  const { folder, disk } = options;
  const listing = await listSegments(disk, folder);
  const { checkpoint, slot, states } = await readCheckpoints(options);
  const { segments } = listing;
  for (const { name, start, end, fileBytes, isMended } of segments) {
    // What Kafka has of it is not known here, and no reader comes past it.
    const isWhole = end === null || start + fileBytes >= end;
    if (!isWhole) throw missing(`${folder}/${name}`, start + fileBytes, end);
    const header = { offset: start, end: start + segmentHeaderBytes };
    if (isMended)
      options.onDamage({ file: `${folder}/${name}`, what: 'segment-header', ...header });
  }
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
  const state = checkpoint?.state ?? new State();
  if (checkpoint !== null) restoreBooks(options, checkpoint, `${folder}/${slotNames[slot]}`);
  const end = await replay(options, segments, from, checkpoint, state);
  if (checkpoint !== null) await proveSlot(disk, `${folder}/${slotNames[slot]}`);
  await disk.syncFolder(folder);
  const last = segments.at(-1)!;
  const unused = end <= last.start + segmentHeaderBytes;
  const used = unused ? segments.slice(0, -1) : segments;
  return {
    id,
    fresh: false,
    state,
    segments: used,
    laneCount: laneCountOf(used),
    void: unused ? [...listing.void, last.name] : listing.void,
    end: unused ? last.start : end,
    generation: Math.max(listing.generation, checkpoint?.generation ?? 0),
    checkpointSequence: checkpoint?.sequence ?? 0,
    newest: { slot, end: checkpoint?.end ?? -1 },
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
    newest: { slot: 1, end: -1 },
    voidGeneration: 0,
    laneCount: null,
  };
}

async function readCheckpoints({ folder, disk, onDamage }: Options) {
  const states = [];
  let checkpoint: Checkpoint | null = null;
  let slot = 1;
  for (const [index, name] of slotNames.entries()) {
    const outcome = await readSlot(disk, `${folder}/${name}`);
    states.push(typeof outcome === 'string' ? outcome : 'valid');
    if (outcome === 'newer') throw newerFormat(`${folder}/${name}`);
    if (outcome === 'damaged') {
      onDamage({ file: `${folder}/${name}`, what: 'checkpoint', offset: 0, end: 0 });
    }
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

/** Brings state and books up to date; answers the end of the last valid record. */
async function replay(
  options: Options,
  segments: readonly Segment[],
  from: number,
  checkpoint: Checkpoint | null,
  state: State,
): Promise<number> {
  const replayed = new Replay(options, state);
  let end = from;
  for (const [index, segment] of segments.entries()) {
    if (segment.end !== null && segment.end <= from) continue;
    const isNewest = index === segments.length - 1;
    const path = `${options.folder}/${segment.name}`;
    const file = await options.disk.open(path, isNewest ? 'write' : 'read');
    try {
      const walked = walkedOf(segment, file);
      const cut = segment.generation === checkpoint?.voidGeneration ? checkpoint.end : null;
      const limit = segment.end ?? cut ?? segment.start + segment.fileBytes;
      const begin = Math.max(segment.start, from);
      if (begin > limit) throw missing(path, limit, begin);
      const stretch = { walked, path, journal: journalOf(segment), from: begin, limit, isNewest };
      const stop = await replayed.segment(stretch);
      const proven = Math.max(begin, stop.proven);
      if (isNewest && cut === null) await proveTail(walked, path, proven, stop.end);
      end = Math.max(stop.end, from);
    } finally {
      await file.close();
    }
  }
  return end;
}

/**
 * What the last group wrote is not known to be on the disk, though it can be read: after a sync
 * that failed the kernel may hold pages that it will never write. The same bytes, written again in
 * the same place, make it write them; then the sync says the truth.
 */
async function proveTail(walked: Walked, path: string, proven: number, end: number): Promise<void> {
  const { file, start } = walked;
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

/** Its check is right, and it is none of ours: another program's, or a memory that lies. */
function restoreBooks({ books }: Options, checkpoint: Checkpoint, file: string): void {
  try {
    books?.restore(checkpoint.books);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw damaged(file, "its books can't be read", 'put it back');
  }
}

function damaged(folder: string, what: string, remedy: string): JournalError {
  return new JournalError(
    'damaged',
    `${folder}: ${what}; ${remedy} from a copy, or move the folder away to begin a new journal`,
  );
}

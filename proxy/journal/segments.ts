import type { Disk, DiskFile } from '../disk.js';
import { errorCode, JournalError } from './error.js';
import {
  decodeSegmentHeader,
  hex,
  idSeed,
  mendSegmentHeader,
  parseSegmentName,
  type SegmentHeader,
  segmentHeaderBytes,
} from './format.js';
import type { Walked } from './walk.js';

// Which segments a folder holds, and how far each reaches ([J-12] to [J-15]).
//
//   generation 3 |HHHHrrrrrrrrrrrrrr~~~~~|        ~ void: above the start of its successor
//   generation 4               |HHHHrrrrrrrrr|    begins where 3 was synced to
//   generation 5                             |HHHHrrr…   the newest: its end is found by walking
//
// Invariant: extents follow one another without gap or overlap, in the order of generations.

export interface Segment {
  name: string;
  generation: number;
  start: number;
  /** Where the next one starts; null for the newest. */
  end: number | null;
  fileBytes: number;
  header: SegmentHeader;
  /** [J-33] One bit of the header is flipped on the disk. */
  isMended: boolean;
}

export interface Listing {
  segments: Segment[];
  /** Files that hold nothing: torn while they were made, or of no extent. */
  void: string[];
  /** Largest in any name, torn ones included. */
  generation: number;
}

const otherNames =
  /^(checkpoint-[01]|lock\.[0-9a-f]{16}(\.new)?|reserve|dead-letters|lost\+found|\..*)$/;

/** Names that a journal's folder doesn't hold. */
export function foreignNames(names: readonly string[]): string[] {
  return names.filter((name) => parseSegmentName(name) === null && !otherNames.test(name));
}

type Found = Omit<Segment, 'header' | 'end'> & { header: SegmentHeader | null };

/** One after the other, those of a large journal would be most of what its opening takes. */
const headersAtOnce = 32;

/** Reads each segment's header once; `known` are those of an earlier listing. */
export async function listSegments(
  disk: Disk,
  folder: string,
  known: ReadonlyMap<string, SegmentHeader> = new Map(),
): Promise<Listing> {
  const names = (await disk.list(folder)).filter((name) => parseSegmentName(name) !== null);
  const found: Found[] = [];
  for (let at = 0; at < names.length; at += headersAtOnce) {
    const some = names.slice(at, at + headersAtOnce);
    found.push(...(await readHeaders(disk, folder, some, known)));
  }
  found.sort((a, b) => a.generation - b.generation || a.start - b.start);

  const listing: Listing = { segments: [], void: [], generation: found.at(-1)?.generation ?? 0 };
  let next: number | null = null;
  for (const segment of found.reverse()) {
    const { header } = segment;
    if (next !== null && segment.start > next) {
      throw new JournalError(
        'mismatch',
        `${folder}/${segment.name}: an older segment begins behind a newer one; the folder ` +
          'holds files of two copies of a journal: put one copy back whole',
      );
    }
    if (segment.start === next) listing.void.push(segment.name);
    else if (header !== null) {
      listing.segments.unshift({ ...segment, header, end: next });
      next = segment.start;
    } else if (await isUnused(disk, `${folder}/${segment.name}`)) {
      listing.void.push(segment.name);
    } else {
      throw new JournalError(
        'damaged',
        `${folder}/${segment.name}: its header can't be read; put the file back from a copy, or ` +
          'move the folder away to begin a new journal without its events',
      );
    }
  }
  checkOneJournal(folder, listing.segments);
  return listing;
}

/** Of those that are there. The error is that of the first in order, whichever comes first. */
async function readHeaders(
  disk: Disk,
  folder: string,
  names: readonly string[],
  known: ReadonlyMap<string, SegmentHeader>,
): Promise<Found[]> {
  const reads = await Promise.allSettled(
    names.map((name) => readHeader(disk, `${folder}/${name}`, known.get(name) ?? null)),
  );
  return reads.flatMap((read, at) => {
    if (read.status === 'rejected') throw read.reason;
    const name = names[at]!;
    return read.value === null ? [] : [{ name, ...parseSegmentName(name)!, ...read.value }];
  });
}

function checkOneJournal(folder: string, segments: readonly Segment[]): void {
  const first = segments[0];
  for (const segment of segments) {
    if (hex(segment.header.id) === hex(first!.header.id)) continue;
    throw new JournalError(
      'mismatch',
      `${folder}/${segment.name} belongs to journal ${hex(segment.header.id)} and ` +
        `${first!.name} to ${hex(first!.header.id)}; put the files of one journal there`,
    );
  }
}

/** Null where the file is gone: a reader's listing may race a deletion. */
async function readHeader(
  disk: Disk,
  path: string,
  known: SegmentHeader | null,
): Promise<{ header: SegmentHeader | null; fileBytes: number; isMended: boolean } | null> {
  if (known !== null) return { header: known, fileBytes: 0, isMended: false };
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const fileBytes = await file.size();
    const bytes = await file.read(0, segmentHeaderBytes);
    const header = decodeSegmentHeader(bytes);
    const named = parseSegmentName(path.slice(path.lastIndexOf('/') + 1))!;
    if (typeof header === 'string') {
      const mended = mendSegmentHeader(bytes, named);
      if (mended === null && header === 'newer') throw newerFormat(path);
      return { header: mended, fileBytes, isMended: mended !== null };
    }
    const renamed = named.start !== header.start || named.generation !== header.generation;
    if (renamed) {
      throw new JournalError('mismatch', `${path}: the file was renamed; give it its name back`);
    }
    return { header, fileBytes, isMended: false };
  } finally {
    await file.close();
  }
}

export function newerFormat(path: string): JournalError {
  return new JournalError(
    'newer',
    `${path} was written by a newer version of headwater; start that version or a later one`,
  );
}

/** Nothing but zeros behind the header: no group was ever written. */
async function isUnused(disk: Disk, path: string): Promise<boolean> {
  const file = await disk.open(path, 'read');
  try {
    for (let position = segmentHeaderBytes; ; ) {
      const bytes = await file.read(position, 65_536);
      if (bytes.some((byte) => byte !== 0)) return false;
      if (bytes.length < 65_536) return true;
      position += bytes.length;
    }
  } finally {
    await file.close();
  }
}

/** As the walker needs it. */
export function walkedOf({ header, start, generation }: Segment, file: Walked['file']): Walked {
  return { file, start, generation, seed: idSeed(header.id) };
}

export function journalOf({ header }: Segment): string {
  return hex(header.id);
}

export function missing(path: string, offset: number, until: number): JournalError {
  return new JournalError(
    'damaged',
    `${path} ends at offset ${offset}, and was synced up to ${until}; put the file back from a copy, ` +
      'or move the folder away to begin a new journal without its events',
  );
}

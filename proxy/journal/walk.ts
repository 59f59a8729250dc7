import { crc32 } from '../crc32.js';
import type { DiskFile } from '../disk.js';
import {
  align,
  decodeRecordHeader,
  type RecordHeader,
  recordAlignment,
  recordBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
} from './format.js';
import { decodeGroup, recordType } from './payload.js';

// Reads records where they lie: the replay and every reader go through here.
// Guarantees that what it answers has passed both checks. Says where it stopped and why, and
// leaves it to its caller whether that is a torn tail or rot ([J-31]).

export interface RawRecord {
  type: number;
  flags: number;
  lane: number;
  offset: number;
  end: number;
  check: number;
  /** A view into the buffer that was read. */
  payload: Buffer;
}

export interface Scan {
  records: RawRecord[];
  /** Where to go on: the end of the last record. */
  next: number;
  /** `invalid`: what stands at `next` is no record, or the file ends in it. */
  stopped: 'until' | 'bytes' | 'invalid';
}

/** A segment as the walker needs it: opened, with the seed of its journal's id. */
export interface Walked {
  file: DiskFile;
  start: number;
  generation: number;
  seed: number;
}

/** Offsets within the header count as the first record's. */
export function firstRecord(start: number, offset: number): number {
  return Math.max(offset, start + segmentHeaderBytes);
}

/** Records from `from` on that end at or below `until`, in about `bytesMax` (≥ 1 record). */
export async function scan(
  segment: Walked,
  from: number,
  until: number,
  bytesMax: number,
): Promise<Scan> {
  let offset = firstRecord(segment.start, from);
  const records: RawRecord[] = [];
  if (offset >= until) return { records, next: offset, stopped: 'until' };
  let length = Math.min(Math.max(bytesMax, recordHeaderBytes), until - offset);
  let bytes = await read(segment, offset, length);
  for (let at = 0; ; ) {
    if (offset >= until) return { records, next: offset, stopped: 'until' };
    const found = recordAt(bytes, at, offset, segment);
    if (found === 'invalid') return { records, next: offset, stopped: 'invalid' };
    if (typeof found !== 'number') {
      records.push(found);
      at += found.end - found.offset;
      offset = found.end;
      continue;
    }
    // `found` bytes are needed and the buffer ends before.
    if (bytes.length < length || found > until - offset) {
      return { records, next: offset, stopped: 'invalid' };
    }
    if (records.length > 0) return { records, next: offset, stopped: 'bytes' };
    length = found;
    bytes = await read(segment, offset, length);
    at = 0;
  }
}

/** The record at `at`, or how many bytes it takes where `bytes` ends too early. */
function recordAt(
  bytes: Buffer,
  at: number,
  offset: number,
  segment: Walked,
): RawRecord | 'invalid' | number {
  if (bytes.length - at < recordHeaderBytes) return recordHeaderBytes;
  const { seed, generation } = segment;
  const header = decodeRecordHeader(bytes, at, { seed, generation, offset });
  if (header === null) return 'invalid';
  const size = recordBytes(header.payloadBytes);
  if (bytes.length - at < size) return size;
  const body = at + recordHeaderBytes;
  const payload = bytes.subarray(body, body + header.payloadBytes);
  if (crc32(payload) !== header.payloadCheck) return 'invalid';
  const { type, flags, lane, check } = header;
  return { type, flags, lane, offset, end: offset + size, check, payload };
}

const searchBytes = 1 << 20;

/**
 * [J-32] Resynchronises at marks behind `from`: the largest synced end that a group record there
 * names, or 0. Above `from` is damage below the synced end.
 */
export async function findSyncedEnd(segment: Walked, from: number): Promise<number> {
  const overlapBytes = 256;
  let syncedEnd = 0;
  for (let base = align(from); ; base += searchBytes - overlapBytes) {
    const bytes = await read(segment, base, searchBytes);
    for (let at = 0; at + recordHeaderBytes <= bytes.length; at += recordAlignment) {
      const found = recordAt(bytes, at, base + at, segment);
      if (typeof found === 'string' || typeof found === 'number') continue;
      if (found.type !== recordType.group) continue;
      syncedEnd = Math.max(syncedEnd, decodeGroup(found.payload)?.syncedEnd ?? 0);
    }
    if (bytes.length < searchBytes) return syncedEnd;
  }
}

/**
 * [J-33] Where reading goes on behind what is damaged at `offset`: at the next valid record below
 * `until`, else there. Null where the file ends before it: those bytes are missing, not damaged.
 */
export async function behindDamage(
  segment: Walked,
  offset: number,
  until: number,
): Promise<number | null> {
  const fileEnd = segment.start + (await segment.file.size());
  const end = Math.min(until, fileEnd);
  const overlapBytes = recordHeaderBytes;
  for (let base = offset + recordAlignment; base < end; base += searchBytes - overlapBytes) {
    const bytes = await read(segment, base, Math.min(searchBytes, end - base));
    for (let at = 0; at + recordHeaderBytes <= bytes.length; at += recordAlignment) {
      let found = recordAt(bytes, at, base + at, segment);
      if (typeof found === 'number') {
        if (base + at + found > end) continue;
        found = recordAt(await read(segment, base + at, found), 0, base + at, segment);
      }
      if (typeof found === 'object' && found.end <= end) return base + at;
    }
  }
  return fileEnd >= until ? until : null;
}

/** Null where it is damaged. */
export async function readHeaderAt(segment: Walked, offset: number): Promise<RecordHeader | null> {
  const bytes = await read(segment, offset, recordHeaderBytes);
  if (bytes.length < recordHeaderBytes) return null;
  const { seed, generation } = segment;
  return decodeRecordHeader(bytes, 0, { seed, generation, offset });
}

async function read(segment: Walked, offset: number, length: number): Promise<Buffer> {
  const bytes = await segment.file.read(offset - segment.start, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

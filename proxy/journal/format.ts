import { crc32 } from '../crc32.js';

// The journal's bytes below the payloads: file names, the segment's header, the record's header.
// JOURNAL.md draws them ([J-10] to [J-22]). All numbers are little-endian.
// Invariant: a record's header is valid in one place of one segment of one journal only, because
// its check is seeded with the journal's id, the segment's generation and the record's offset.

export const formatVersion = 1;
export const segmentHeaderBytes = 64;
export const recordHeaderBytes = 24;
/** More in a record's length is damage. */
export const payloadBytesMax = 16 * 1024 * 1024;
/** The first bytes of a record, found at multiples of 8: 0x89 "HWR". */
export const recordMark = 0x52574889;
export const recordAlignment = 8;

/** [J-20] Flag bit 0: a reader that doesn't know the type skips the record. */
export const flagMaySkip = 1;
/** Lane of the records that belong to none. */
export const noLane = 0xffff;

const segmentMagic = Buffer.from('\x89HWSEG\r\n', 'latin1');

export interface SegmentHeader {
  /** The journal's, 16 bytes. */
  id: Uint8Array;
  /** Of the segment: larger than every one before it. */
  generation: number;
  lanes: number;
  /** Global offset of the segment's first byte. */
  start: number;
  createdMs: number;
}

export interface RecordHeader {
  type: number;
  flags: number;
  lane: number;
  payloadBytes: number;
  payloadCheck: number;
  /** The header's own CRC-32. */
  check: number;
}

/** `newer`: the magic is right and the version is above ours. */
export type HeaderOutcome = SegmentHeader | 'newer' | 'invalid';

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(bytes, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(header.generation, 12);
  bytes.set(header.id, 16);
  writeOffset(bytes, 32, header.start);
  writeOffset(bytes, 40, header.createdMs);
  bytes.writeUInt16LE(header.lanes, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

export function decodeSegmentHeader(bytes: Uint8Array): HeaderOutcome {
  if (bytes.length < segmentHeaderBytes) return 'invalid';
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  if (!view.subarray(0, 8).equals(segmentMagic)) return 'invalid';
  if (view.readUInt32LE(8) > formatVersion) return 'newer';
  if (view.readUInt32LE(60) !== crc32(view.subarray(0, 60))) return 'invalid';
  return {
    id: Uint8Array.prototype.slice.call(view, 16, 32),
    generation: view.readUInt32LE(12),
    start: readOffset(view, 32),
    createdMs: readOffset(view, 40),
    lanes: view.readUInt16LE(48),
  };
}

/**
 * [J-33] The header of which one bit was flipped. Its check finds the bit and the file's name agrees, so that
 * it is no guess; null for worse damage, and for the header of a later version.
 */
export function mendSegmentHeader(
  bytes: Uint8Array,
  named: { start: number; generation: number },
): SegmentHeader | null {
  if (bytes.length < segmentHeaderBytes) return null;
  const mended = Uint8Array.prototype.slice.call(bytes, 0, segmentHeaderBytes);
  for (let bit = 0; bit < segmentHeaderBytes * 8; bit++) {
    mended[bit >> 3]! ^= 1 << (bit & 7);
    const header = decodeSegmentHeader(mended);
    mended[bit >> 3]! ^= 1 << (bit & 7);
    if (typeof header === 'string') continue;
    if (header.start === named.start && header.generation === named.generation) return header;
  }
  return null;
}

/** The CRC of the journal's id, from which every seed of its records begins. */
export function idSeed(id: Uint8Array): number {
  return crc32(id);
}

const seedBytes = Buffer.alloc(12);

function headerCheck(header: Uint8Array, seed: number, generation: number, offset: number) {
  seedBytes.writeUInt32LE(generation, 0);
  writeOffset(seedBytes, 4, offset);
  return crc32(header, crc32(seedBytes, seed));
}

/** Bytes that a record with this payload takes, padding included. */
export function recordBytes(payloadBytes: number): number {
  return recordHeaderBytes + align(payloadBytes);
}

export function align(length: number): number {
  return Math.ceil(length / recordAlignment) * recordAlignment;
}

/** Writes header and payload into `target` (zeroed there) at `at`; answers the header's check. */
export function encodeRecord(
  target: Buffer,
  at: number,
  record: { type: number; flags: number; lane: number; payload: Uint8Array },
  place: { seed: number; generation: number; offset: number },
): number {
  target.writeUInt32LE(recordMark, at);
  target.writeUInt8(record.type, at + 4);
  target.writeUInt8(record.flags, at + 5);
  target.writeUInt16LE(record.lane, at + 6);
  target.writeUInt32LE(record.payload.length, at + 8);
  target.writeUInt32LE(crc32(record.payload), at + 12);
  const covered = target.subarray(at, at + 20);
  const check = headerCheck(covered, place.seed, place.generation, place.offset);
  target.writeUInt32LE(check, at + 20);
  target.set(record.payload, at + recordHeaderBytes);
  return check;
}

/** Null where no valid header of this place stands at `at`; `bytes` holds all 24 of it. */
export function decodeRecordHeader(
  bytes: Buffer,
  at: number,
  place: { seed: number; generation: number; offset: number },
): RecordHeader | null {
  if (bytes.readUInt32LE(at) !== recordMark) return null;
  const check = bytes.readUInt32LE(at + 20);
  const covered = bytes.subarray(at, at + 20);
  if (check !== headerCheck(covered, place.seed, place.generation, place.offset)) return null;
  const payloadBytes = bytes.readUInt32LE(at + 8);
  if (payloadBytes > payloadBytesMax) return null;
  return {
    type: bytes.readUInt8(at + 4),
    flags: bytes.readUInt8(at + 5),
    lane: bytes.readUInt16LE(at + 6),
    payloadBytes,
    payloadCheck: bytes.readUInt32LE(at + 12),
    check,
  };
}

export function segmentName(start: number, generation: number): string {
  const offset = start.toString(16).padStart(16, '0');
  return `${offset}-${generation.toString(16).padStart(8, '0')}.segment`;
}

export function parseSegmentName(name: string): { start: number; generation: number } | null {
  const match = /^([0-9a-f]{16})-([0-9a-f]{8})\.segment$/.exec(name);
  if (match === null) return null;
  const start = Number.parseInt(match[1]!, 16);
  if (!Number.isSafeInteger(start)) return null;
  return { start, generation: Number.parseInt(match[2]!, 16) };
}

/** Offsets and times are below 2^53: two halves, without the cost of a BigInt. */
export function writeOffset(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at);
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

export function readOffset(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

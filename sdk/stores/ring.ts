import { at, put, putBytes, readFrom, takeBytes, writeTo } from '../cbor.js';
import { crc32, random } from '../engine.js';
import type { Region } from './region.js';

// The ring of sectors under flash.ts, as STORES.md draws it: records written forward, the oldest sector taken into use again. It knows
// records, not what they say; a program has one. What a walk finds is what was written, from the oldest sector on; in a sector it ends at the
// first record whose check fails.
//
//   sector n, at n % sectors:   │ head │ record │ record │ … │ free            │ closed │
//                                                            position          usable

/** `HWF`. */
const MAGIC = 0x485746;
const FORMAT = 1;
const HEAD_BYTES = 16;
const CHECK_BYTES = 4;
/** The largest record, its check, and what fills it up to a unit. */
const RECORD_BYTES_MAX = 272;
/** What is read at once to see whether it is erased. */
const READ_BYTES = 64;

/** The sectors that hold something; one more is begun by `open`. */
export let oldest: number;
export let newest: number;
/** The highest boot number that there ever was. */
export let highest: number;
/** Where a walk stands: the sector's number, the record, its size and what its head says. */
export let sector: number;
export let record: Uint8Array;
export let size: number;
export let number: number;
export let count: number;

let region: Region;
let align: number;
let usable: number;
let written: Uint8Array;
let position: number;
let isClosed: boolean;
let offset: number;

/** Takes up what a region holds; false where it is of a newer format, and nothing was changed. */
export const takeUp = (taken: Region): boolean => {
  region = taken;
  align = region.alignBytes || 4;
  usable = region.sectorBytes - align;
  written = new Uint8Array(RECORD_BYTES_MAX);
  newest = -1;
  // [W-2]
  highest = Math.floor(random() * 2 ** 31);
  for (let place = 0; place < region.sectors; place++) {
    if (readHead(place)) {
      if (takeBytes(1) > FORMAT) return false;
      const found = takeBytes(4);
      if (found > newest && found % region.sectors === place) {
        newest = found;
        highest = takeBytes(4);
      }
    }
  }
  position = usable;
  isClosed = newest < 0 || !isErased(usable);
  oldest = Math.max(0, newest - region.sectors + (isClosed ? 2 : 1));
  if (!isClosed) {
    sector = newest;
    offset = 0;
    while (step());
    // A record that was cut may have left bits behind it.
    if (isErased(offset)) position = offset;
  }
  return true;
};

export const seen = (boot: number): void => {
  if (boot > highest) highest = boot;
};

/** Goes back to the oldest record. */
export const rewind = (): void => {
  sector = oldest;
  offset = 0;
};

/** Goes to the next record, and puts the reader at what it says; false: there is none yet. */
export const step = (): boolean => {
  while (sector <= newest) {
    if (!offset && readHead(sector)) {
      takeBytes(1);
      if (takeBytes(4) === sector) offset = HEAD_BYTES;
    }
    if (offset && readRecord()) {
      offset += Math.ceil((size + CHECK_BYTES) / align) * align;
      return true;
    }
    if (sector === newest) break;
    sector++;
    offset = 0;
  }
  return false;
};

/** Puts the writer behind the head of a new record; a count of 0: it is no block. */
export const begin = (ofNumber: number, ofCount: number): void => {
  writeTo(written, 0);
  putBytes(0, 2);
  putBytes(ofNumber, 4);
  putBytes(ofCount, 2);
};

/** Begins a record with an entry, as store.ts draws it. */
export const copy = (entry: Uint8Array): void => {
  writeTo(written, 0);
  entry.forEach(put);
};

/** Writes the record into the newest sector; false: it does not fit. */
export const end = (): boolean => {
  const checkAt = at;
  // The byte before it is the entry's own.
  writeTo(written, 1);
  put(checkAt);
  writeTo(written, checkAt);
  putBytes(crc32(written, 0, checkAt), CHECK_BYTES);
  while (at % align) put(255);
  if (position + at > usable) return false;
  region.write(addressOf(newest) + position, written.subarray(0, at));
  position += at;
  return true;
};

/** Takes the oldest sector into use as the newest. */
export const open = (): void => {
  // From here on nothing in the other is looked at: half erased, it could hold blocks and not what was said of them behind.
  if (!isClosed) region.write(addressOf(newest) + usable, new Uint8Array(align));
  newest++;
  oldest = Math.max(0, newest - region.sectors + 1);
  region.erase(addressOf(newest));
  writeTo(written, 0);
  putBytes(MAGIC, 3);
  put(FORMAT);
  putBytes(newest, 4);
  putBytes(highest, 4);
  putBytes(crc32(written, 0, at), CHECK_BYTES);
  region.write(addressOf(newest), written.subarray(0, at));
  position = HEAD_BYTES;
  isClosed = false;
};

/** Bytes of a record that fit the newest sector. */
export const rest = (): number => usable - position - CHECK_BYTES - align;

const addressOf = (ofSector: number): number => (ofSector % region.sectors) * region.sectorBytes;

/** Puts the reader behind the magic of the head in a sector's place; false: there is no head. */
const readHead = (ofSector: number): boolean => {
  const bytes = region.read(addressOf(ofSector), HEAD_BYTES);
  readFrom(bytes, HEAD_BYTES - CHECK_BYTES);
  const isWhole = takeBytes(CHECK_BYTES) === crc32(bytes, 0, HEAD_BYTES - CHECK_BYTES);
  readFrom(bytes, 0);
  return takeBytes(3) === MAGIC && isWhole;
};

const readRecord = (): boolean => {
  const address = addressOf(sector) + offset;
  const left = usable - offset - CHECK_BYTES;
  if (left < 8) return false;
  size = region.read(address + 1, 1)[0]!;
  if (size < 8 || size > left) return false;
  record = region.read(address, size + CHECK_BYTES);
  readFrom(record, size);
  if (takeBytes(CHECK_BYTES) !== crc32(record, 0, size)) return false;
  readFrom(record, 2);
  number = takeBytes(4);
  count = takeBytes(2);
  return true;
};

/** Whether nothing is written in the newest sector from an offset on. */
const isErased = (from: number): boolean => {
  let written = 0;
  while (from && from < region.sectorBytes) {
    const bytes = Math.min(READ_BYTES, region.sectorBytes - from);
    region.read(addressOf(newest) + from, bytes).forEach((byte) => {
      if (byte < 255) written++;
    });
    from += bytes;
  }
  return !written && !!from;
};

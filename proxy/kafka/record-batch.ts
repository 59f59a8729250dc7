// sink → kafka: the bytes of a partition's records, Kafka's record batch of magic 2 (KIP-98; docs of Kafka, "Record Batch"), written in one
// pass into one buffer. A Kafka client's own encoder makes several objects and buffers for each record; here that was most of what an
// event cost (docs/PERFORMANCE.md).
// Guarantee: byte for byte what kafkajs writes; a test compares the two.

import type { Compression } from './compression.js';

type HeaderValue = string | Uint8Array;

/** A record as kafkajs takes them. */
export interface BatchRecord {
  key?: HeaderValue | null;
  value: HeaderValue | null;
  /** ms since 1970; now where it is absent. */
  timestamp?: string | number;
  headers?: Record<string, HeaderValue | HeaderValue[] | undefined>;
}

export interface BatchOf {
  isTransactional: boolean;
  producerId: bigint;
  producerEpoch: number;
  firstSequence: number;
  /** The client's own, each has one. */
  crc32c(bytes: Uint8Array): number;
  /** Of the records, not of the head before them; null: they go as they are. */
  compression: Compression | null;
}

const magic = 2;
const transactionalBit = 16;
/** From the first offset to the number of records. */
const headBytes = 61;
const varintBytesMax = 10;
/** Of a few records a codec saves little, and to begin takes as long as for hundreds. */
const compressedBytesLeast = 1_024;

export async function encodeRecordBatch(
  messages: readonly BatchRecord[],
  { compression, crc32c, ...batch }: BatchOf,
): Promise<Uint8Array> {
  const nowMs = Date.now();
  const times = messages.map(({ timestamp }) => (timestamp === undefined ? nowMs : +timestamp));
  let [baseMs, lastMs] = [Infinity, -Infinity];
  for (const timeMs of times) {
    if (timeMs < baseMs) baseMs = timeMs;
    if (timeMs > lastMs) lastMs = timeMs;
  }
  const writer = new RecordWriter(headBytes, messages.length * 128);
  for (let at = 0; at < messages.length; at++) {
    writer.record(messages[at]!, times[at]! - baseMs, at);
  }
  let bytes = writer.bytes;
  const isCompressed = compression !== null && bytes.length >= compressedBytesLeast;
  if (isCompressed) {
    const smaller = await compression.compress(bytes.subarray(headBytes));
    bytes = Buffer.concat([bytes.subarray(0, headBytes), smaller]);
  }
  bytes.writeBigInt64BE(0n, 0); // first offset: the broker gives it
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(0, 12); // partition leader epoch: the broker's
  bytes.writeInt8(magic, 16);
  const compressionBits = isCompressed ? compression.bits : 0;
  bytes.writeInt16BE(compressionBits | (batch.isTransactional ? transactionalBit : 0), 21);
  bytes.writeInt32BE(messages.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(baseMs), 27);
  bytes.writeBigInt64BE(BigInt(lastMs), 35);
  bytes.writeBigInt64BE(batch.producerId, 43);
  bytes.writeInt16BE(batch.producerEpoch, 51);
  bytes.writeInt32BE(batch.firstSequence, 53);
  bytes.writeInt32BE(messages.length, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

class RecordWriter {
  #buffer: Buffer;
  #at: number;

  constructor(at: number, bytesExpected: number) {
    this.#buffer = Buffer.allocUnsafe(at + bytesExpected);
    this.#at = at;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  record({ key = null, value, headers = {} }: BatchRecord, afterMs: number, offset: number): void {
    // Without a list of them: an object more for each would be most of what is left to collect.
    let count = 0;
    let headerBytes = 0;
    for (const name in headers) {
      const header = headers[name];
      if (header === undefined) continue;
      if (isOne(header)) {
        count++;
        headerBytes += sizedOf(name) + sizedOf(header);
        continue;
      }
      count += header.length;
      for (const one of header) headerBytes += sizedOf(name) + sizedOf(one);
    }
    const bytes =
      1 +
      sizeOfVarint(afterMs) +
      sizeOfVarint(offset) +
      sizedOf(key) +
      sizedOf(value) +
      sizeOfVarint(count) +
      headerBytes;
    this.#reserve(bytes + varintBytesMax);
    this.#varint(bytes);
    this.#buffer[this.#at++] = 0; // attributes: none are in use
    this.#varint(afterMs);
    this.#varint(offset);
    this.#bytes(key);
    this.#bytes(value);
    this.#varint(count);
    for (const name in headers) {
      const header = headers[name];
      if (header === undefined) continue;
      for (const one of isOne(header) ? [header] : header) {
        this.#bytes(name);
        this.#bytes(one);
      }
    }
  }

  /** Absent: the length −1 and nothing behind it. */
  #bytes(value: HeaderValue | null): void {
    const size = sizeOf(value);
    this.#varint(size);
    if (value === null) return;
    if (typeof value !== 'string') this.#buffer.set(value, this.#at);
    else if (size === value.length) {
      // ASCII, and short: a call into the engine costs more than the loop.
      for (let at = 0; at < size; at++) this.#buffer[this.#at + at] = value.charCodeAt(at);
    } else this.#buffer.write(value, this.#at, 'utf8');
    this.#at += size;
  }

  /** Zigzag, seven bits a byte, the lowest first. Any integer below 2^52. */
  #varint(value: number): void {
    let left = value < 0 ? -2 * value - 1 : 2 * value;
    while (left >= 128) {
      this.#buffer[this.#at++] = (left % 128) | 128;
      left = Math.floor(left / 128);
    }
    this.#buffer[this.#at++] = left;
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + length));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** A header may have several values, and stands there as often. */
function isOne(header: HeaderValue | readonly HeaderValue[]): header is HeaderValue {
  return typeof header === 'string' || header instanceof Uint8Array;
}

/** With its length before it. */
function sizedOf(value: HeaderValue | null): number {
  const size = sizeOf(value);
  return sizeOfVarint(size) + Math.max(0, size);
}

function sizeOf(value: HeaderValue | null): number {
  if (value === null) return -1;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}

function sizeOfVarint(value: number): number {
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  let bytes = 1;
  while (left >= 128) {
    left = Math.floor(left / 128);
    bytes++;
  }
  return bytes;
}

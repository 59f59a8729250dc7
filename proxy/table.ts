import { createHash } from 'node:crypto';
import {
  FIELDS_MAX,
  NAME_BYTES_MAX,
  STREAMS_MAX,
  TABLE_BYTES_MAX,
  TABLE_ID_BYTES,
  TYPE_BYTES,
  TYPE_FIXED_MAX,
  TYPE_UINT,
} from '../sdk/wire.js';
import { CborReader } from './cbor.js';

// What a firmware declared: PROTOCOL.md §4. A block is read with the table that it was written with.

export interface Field {
  name: string;
  /** 0 … 9: an integer × 10ⁿ; 16 … 20: uint, bool, float, text, bytes. */
  type: number;
}

export interface Stream {
  name: string;
  fields: readonly Field[];
}

export interface StreamTable {
  streams: readonly Stream[];
}

/** A reason where the bytes are no table. */
export function decodeTable(bytes: Uint8Array): StreamTable | string {
  if (bytes.length > TABLE_BYTES_MAX) return `longer than ${TABLE_BYTES_MAX} bytes`;
  const reader = new CborReader(bytes);
  const streams: Stream[] = [];
  for (let left = reader.array(STREAMS_MAX, 'streams'); left > 0 && !reader.broken; left--) {
    const stream = readStream(reader);
    if (streams.some((other) => other.name === stream.name)) reader.fail('a stream twice');
    streams.push(stream);
  }
  if (reader.broken === null && !reader.done) reader.fail('bytes behind the last stream');
  return reader.broken ?? { streams };
}

/** [W-13]: 16 hex digits. */
export function tableId(bytes: Uint8Array): string {
  return createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, 2 * TABLE_ID_BYTES);
}

/** Names of streams, declared or not. */
export function isStreamName(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^[A-Za-z0-9._-]+$/.test(name);
}

function readStream(reader: CborReader): Stream {
  const items = reader.array(1 + 2 * FIELDS_MAX, 'stream');
  if (items % 2 === 0) reader.fail('stream: a name, then pairs of field and type');
  const name = reader.text(NAME_BYTES_MAX, 'stream name');
  if (!isStreamName(name)) reader.fail('stream name: not [A-Za-z0-9._-]{1,64}');
  const fields: Field[] = [];
  for (let left = items >> 1; left > 0 && !reader.broken; left--) {
    const field = reader.text(NAME_BYTES_MAX, 'field');
    if (field === '') reader.fail('field: empty');
    if (fields.some((other) => other.name === field)) reader.fail('a field twice');
    const type = reader.uint(TYPE_BYTES, 'type');
    if (type > TYPE_FIXED_MAX && type < TYPE_UINT) reader.fail('type: unknown');
    fields.push({ name: field, type });
  }
  return { name, fields };
}

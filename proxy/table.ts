import { createHash } from 'node:crypto';
import {
  FIELDS_MAX,
  NAME,
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
  const streams: (Stream & { fields: Field[] })[] = [];
  while (!reader.done && reader.broken === null) {
    const name = reader.text(NAME_BYTES_MAX, 'name');
    // A name that a type follows is a field's, any other a stream's.
    const stream = streams.at(-1);
    if (!reader.done && reader.major === 0) readField(reader, stream?.fields ?? null, name);
    else if (!isStreamName(name)) reader.fail('stream name: not [A-Za-z0-9._-]{1,64}');
    else if (streams.some((other) => other.name === name)) reader.fail('a stream twice');
    else streams.push({ name, fields: [] });
  }
  if (streams.length > STREAMS_MAX) reader.fail(`more than ${STREAMS_MAX} streams`);
  return reader.broken ?? { streams };
}

/** Tables by their id: all devices of a firmware have one object of it, as they have one program. */
export class Tables {
  readonly #known = new Map<string, { bytes: Uint8Array; table: StreamTable }>();

  /** As `decodeTable`. `id`: that of these bytes. */
  decode(id: string, bytes: Uint8Array): StreamTable | string {
    const known = this.#known.get(id);
    // An id is the beginning of a hash only.
    if (known !== undefined && Buffer.compare(known.bytes, bytes) === 0) return known.table;
    const table = decodeTable(bytes);
    const isKept = known === undefined && this.#known.size < tablesKnownMax;
    if (typeof table === 'string' || !isKept) return table;
    this.#known.set(id, { bytes: Uint8Array.from(bytes), table });
    return table;
  }
}

/** Of hostile devices each may have its own. */
const tablesKnownMax = 1_000;

/** [W-13]: 16 hex digits. */
export function tableId(bytes: Uint8Array): string {
  return createHash('sha256')
    .update(bytes)
    .digest('hex')
    .slice(0, 2 * TABLE_ID_BYTES);
}

/** [W-15] Of the table without streams, which no device sends. */
export const emptyTableId = tableId(new Uint8Array());

/** Names of streams, declared or not. */
export function isStreamName(name: string): boolean {
  return name.length <= NAME_BYTES_MAX && /^[A-Za-z0-9._-]+$/.test(name);
}

function readField(reader: CborReader, fields: Field[] | null, name: string): void {
  const type = reader.uint(TYPE_BYTES, 'type');
  if (!NAME.test(name)) reader.fail('field: not 1 to 64 characters of ASCII');
  if (type > TYPE_FIXED_MAX && type < TYPE_UINT) reader.fail('type: unknown');
  if (fields === null) reader.fail('a field before the first stream');
  else if (fields.length === FIELDS_MAX) reader.fail(`more than ${FIELDS_MAX} fields`);
  else if (fields.some((other) => other.name === name)) reader.fail('a field twice');
  else fields.push({ name, type });
}

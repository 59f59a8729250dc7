import { createHash } from 'node:crypto';
import { at, writeTo } from './cbor.js';
import type { Stream } from './stream.js';
import { putDescription } from './table.js';
import {
  DESCRIPTION_BYTES_MAX,
  FIELDS_MAX,
  NAME,
  STREAMS_MAX,
  TABLE_BYTES_MAX,
  TABLE_ID_BYTES,
  TYPE_BYTES,
  TYPE_FIXED_MAX,
  TYPE_UINT,
} from './wire.js';

// A table's bytes and its id, PROTOCOL.md §4: for `headwater build` and for Node. A device has neither this check nor SHA-256.

/** What fixed() gives, and the others. */
const isType = (type: number): boolean =>
  Number.isInteger(type) &&
  ((type >= 0 && type <= TYPE_FIXED_MAX) || (type >= TYPE_UINT && type <= TYPE_BYTES));

const STREAM_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** The bytes of the table; throws where the protocol does not allow it. */
export function encodeTable(streams: readonly Stream[]): Uint8Array {
  const seen = new Set<string>();
  const complain = (message: string): never => {
    throw new Error(message);
  };
  if (streams.length > STREAMS_MAX) complain(`${streams.length} streams: at most ${STREAMS_MAX}`);
  for (const { name, fields } of streams) {
    const names = Object.keys(fields);
    if (!STREAM_NAME.test(name)) {
      complain(`stream name '${name}': use 1 to 64 of A-Z a-z 0-9 . _ -`);
    }
    if (seen.has(name)) complain(`stream '${name}' is declared twice: give one another name`);
    seen.add(name);
    if (names.length > FIELDS_MAX) {
      complain(`stream '${name}' has ${names.length} fields: at most ${FIELDS_MAX}, so split it`);
    }
    for (const field of names) {
      if (!NAME.test(field)) {
        complain(`stream '${name}', field '${field}': use 1 to 64 characters of ASCII`);
      }
      // Engines differ in the order in which they walk over it, and the table is in that order.
      if (/^\d+$/.test(field)) {
        complain(
          `stream '${name}', field '${field}': a name is not a number; put a letter before it`,
        );
      }
      if (!isType(Number(fields[field])))
        complain(`stream '${name}', field '${field}': fixed() takes 0 to 9`);
    }
  }
  const bytes = new Uint8Array(TABLE_BYTES_MAX);
  writeTo(bytes, 0);
  for (const stream of streams) {
    const start = at;
    putDescription(stream);
    if (at - start > DESCRIPTION_BYTES_MAX) {
      complain(
        `the names of stream '${stream.name}' take ${at - start} bytes together: at most ` +
          `${DESCRIPTION_BYTES_MAX}, so split it or shorten them`,
      );
    }
  }
  if (at > TABLE_BYTES_MAX) {
    complain(`the streams' names take ${at} bytes together: at most ${TABLE_BYTES_MAX}`);
  }
  return bytes.slice(0, at);
}

/** The id of what is declared, once the producer is made. */
export let table: string;

export const identify = (streams: readonly Stream[]): void => {
  table = tableId(streams);
};

/** [W-13] The id as HELLO has it: 8 bytes of SHA-256 in base64url, 11 characters. */
export function tableId(streams: readonly Stream[]): string {
  const hash = createHash('sha256').update(encodeTable(streams)).digest();
  return hash.subarray(0, TABLE_ID_BYTES).toString('base64url');
}

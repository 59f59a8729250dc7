import { createHash } from 'node:crypto';
import { at, writeTo } from './cbor.js';
import type { Stream } from './stream.js';
import { putTable } from './table.js';
import {
  FIELDS_MAX,
  NAME_BYTES_MAX,
  STREAMS_MAX,
  TABLE_BYTES_MAX,
  TABLE_ID_BYTES,
  TYPE_BYTES,
  TYPE_FIXED_MAX,
  TYPE_UINT,
} from './wire.js';

// A table's bytes and its id, PROTOCOL.md §4: for `headwater build` and for Node. A device has neither this check nor SHA-256.

export type { Stream };

/** The bytes of the table; throws where the protocol does not allow it. */
export function tableBytes(streams: readonly Stream[]): Uint8Array {
  const seen = new Set<string>();
  const complain = (message: string): never => {
    throw new Error(message);
  };
  if (streams.length > STREAMS_MAX) complain(`${streams.length} streams: at most ${STREAMS_MAX}`);
  for (const { name, names, fields } of streams) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      complain(`stream name '${name}': use 1 to 64 of A-Z a-z 0-9 . _ -`);
    }
    if (seen.has(name)) complain(`stream '${name}' is declared twice: give one another name`);
    seen.add(name);
    if (names.length > FIELDS_MAX) {
      complain(`stream '${name}' has ${names.length} fields: at most ${FIELDS_MAX}, so split it`);
    }
    names.forEach((field, index) => {
      const length = Buffer.byteLength(field);
      if (length < 1 || length > NAME_BYTES_MAX) {
        complain(`stream '${name}': field '${field}' must have 1 to ${NAME_BYTES_MAX} bytes`);
      }
      const type = fields[index]!.type;
      const scaled = type >= 0 && type <= TYPE_FIXED_MAX;
      if (!Number.isInteger(type) || (!scaled && (type < TYPE_UINT || type > TYPE_BYTES))) {
        complain(`stream '${name}', field '${field}': fixed() takes 0 to ${TYPE_FIXED_MAX}`);
      }
    });
  }
  const bytes = new Uint8Array(TABLE_BYTES_MAX);
  writeTo(bytes, 0);
  putTable(streams);
  if (at > TABLE_BYTES_MAX) {
    complain(`the streams' names take ${at} bytes together: at most ${TABLE_BYTES_MAX}`);
  }
  return bytes.slice(0, at);
}

export function tableId(streams: readonly Stream[]): Uint8Array {
  const hash = createHash('sha256').update(tableBytes(streams)).digest();
  return new Uint8Array(hash.subarray(0, TABLE_ID_BYTES));
}

import { head, put } from './cbor.js';
import { ABSENT, type Field } from './stream.js';

/** Writes a byte string. */
export function putBlob(value: Uint8Array): void {
  head(64, value.length);
  value.forEach(put);
}

/** A field of bytes. */
export const bytes: Field<Uint8Array> = {
  type: 20,
  write: (value) => (value instanceof Uint8Array ? putBlob(value) : put(ABSENT)),
};

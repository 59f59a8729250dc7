import { head, put } from './cbor.js';
import { ABSENT, type Field, writers } from './stream.js';

/** Writes a byte string. */
export function putBlob(value: Uint8Array): void {
  head(64, value.length);
  value.forEach(put);
}

/** A field of bytes. */
export const bytes: Field<Uint8Array> = 20;
writers[bytes] = (value: unknown) => (value instanceof Uint8Array ? putBlob(value) : put(ABSENT));

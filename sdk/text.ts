import { put, text as putText } from './cbor.js';
import { ABSENT, type Field } from './stream.js';

/** A field of text. */
export const text: Field<string> = {
  type: 19,
  write: (value) => (typeof value === 'string' ? putText(value) : put(ABSENT)),
};

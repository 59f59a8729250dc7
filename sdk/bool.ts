import { put } from './cbor.js';
import { ABSENT, type Field, writers } from './stream.js';

/** A field that is true or false. */
export const bool: Field<boolean> = 17;
writers[bool] = (value: unknown) => put(value === true ? 245 : value === false ? 244 : ABSENT);

import { change, type EventWriter, send, type Taken } from './block.js';
import { putBlob } from './bytes.js';
import { head, integer, name, put } from './cbor.js';
import { putFloat } from './float.js';
import { ABSENT } from './stream.js';
import { putText } from './text.js';
import { DEPTH_MAX } from './wire.js';

// Events that no stream declares, PROTOCOL.md §5: a name and any value, self-describing. They cost more bytes than declared ones.

export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

/** 2^53 − 1: beyond it numbers are no longer whole one by one. */
const INTEGER_MAX = 9007199254740991;

function putValue(value: Value, depth: number): boolean {
  if (value === null) put(ABSENT);
  else if (typeof value === 'boolean') put(value ? 245 : 244);
  else if (typeof value === 'string') putText(value);
  else if (typeof value === 'number') {
    if (Math.abs(value) <= INTEGER_MAX && value === Math.floor(value)) integer(value);
    else putFloat(value);
  } else if (value instanceof Uint8Array) putBlob(value);
  else if (typeof value !== 'object' || depth === DEPTH_MAX) return false;
  else if (Array.isArray(value)) {
    head(128, value.length);
    // Not every(), which passes over the holes of an array, since its head counts them.
    for (let index = 0; index < value.length; index++) {
      if (!putValue(value[index], depth + 1)) return false;
    }
  } else {
    const object = value as Record<string, Value>;
    const keys = Object.keys(object);
    head(160, keys.length);
    return keys.every((key) => {
      putText(key);
      return putValue(object[key]!, depth + 1);
    });
  }
  return true;
}

const writeUndeclared: EventWriter<string, Value> = (subject, value, elapsed) => {
  if (!/^[\w.-]+$/.test(subject) || subject.length > 64) return false;
  name(subject);
  integer(change(-2, change(-3, elapsed)));
  return putValue(value, 0);
};

/** Sends a value under a name (A-Z a-z 0-9 . _ -); what CBOR does not know is refused, as is a nesting beyond 8. */
export function sendUndeclared(subject: string, value: Value): Taken {
  return send(subject, value, writeUndeclared);
}

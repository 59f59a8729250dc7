import { type EventWriter, intervalChange } from './block.js';
import { putBlob } from './bytes.js';
import { head, integer, put, text } from './cbor.js';
import { putFloat } from './float.js';
import type { Producer, Taken } from './producer.js';
import { ABSENT } from './stream.js';
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

/** Sends a value under a name (A-Z a-z 0-9 . _ -); what CBOR does not know is refused, as is a nesting beyond 8. */
export function sendUndeclared(producer: Producer, name: string, value: Value): Taken {
  return producer.take(writeUndeclared, name, value);
}

const writeUndeclared: EventWriter<string, Value> = (block, elapsed, name, value) => {
  if (!/^[\w.-]{1,64}$/.test(name)) return false;
  text(name);
  integer(intervalChange(block, 0, elapsed));
  return putValue(value, 0);
};

function putValue(value: Value, depth: number): boolean {
  if (value === null) put(ABSENT);
  else if (typeof value === 'boolean') put(value ? 245 : 244);
  else if (typeof value === 'string') text(value);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) integer(value);
    else putFloat(value);
  } else if (value instanceof Uint8Array) putBlob(value);
  else if (typeof value !== 'object' || depth === DEPTH_MAX) return false;
  else if (Array.isArray(value)) {
    head(128, value.length);
    return value.every((part) => putValue(part, depth + 1));
  } else {
    const entries = Object.entries(value);
    head(160, entries.length);
    return entries.every(([key, part]) => {
      text(key);
      return putValue(part, depth + 1);
    });
  }
  return true;
}

// journal → batch: an event's value in JSON, from its declaration straight into bytes. What JSON.stringify makes of an object, without the
// object, its text and a buffer for each event.

import type { BlockEvent } from '../block.js';
import type { Value } from '../cbor.js';
import type { Field } from '../table.js';

/** Values lie one behind the other in chunks, which live as long as one of their values. */
const chunkBytes = 65_536;
/** The longest text of a number or a word. */
const plainBytesMax = 32;

export class EventJson {
  #chunk = Buffer.allocUnsafe(chunkBytes);
  #at = 0;
  /** Of each declaration, what stands before each value, in UTF-8. */
  readonly #heads = new WeakMap<readonly Field[], Uint8Array[]>();

  /** An object by field name; the bare value of an undeclared event. */
  encode({ fields, values }: BlockEvent): Uint8Array {
    let start = this.#at;
    if (fields === null || fields.length === 0) {
      start = this.#text(fields === null ? textOf(values[0] ?? null) : '{}', start);
      return this.#chunk.subarray(start, this.#at);
    }
    const heads = this.#headsOf(fields);
    for (let at = 0; at < heads.length; at++) {
      const head = heads[at]!;
      start = this.#reserve(head.length, start);
      this.#chunk.set(head, this.#at);
      this.#at += head.length;
      start = this.#text(textOf(values[at] ?? null), start);
    }
    start = this.#text('}', start);
    return this.#chunk.subarray(start, this.#at);
  }

  #headsOf(fields: readonly Field[]): Uint8Array[] {
    let heads = this.#heads.get(fields);
    if (heads === undefined) {
      heads = fields.map(({ name }, at) =>
        Buffer.from(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`),
      );
      this.#heads.set(fields, heads);
    }
    return heads;
  }

  #text(text: string, start: number): number {
    const begin = this.#reserve(3 * text.length, start);
    if (text.length <= plainBytesMax && isAscii(text)) {
      // A call into the engine costs more than the loop.
      for (let at = 0; at < text.length; at++) this.#chunk[this.#at++] = text.charCodeAt(at);
    } else this.#at += this.#chunk.write(text, this.#at, 'utf8');
    return begin;
  }

  /** A value that does not fit goes on in a new chunk, with what of it there is. Answers where it begins. */
  #reserve(bytes: number, start: number): number {
    if (this.#at + bytes <= this.#chunk.length) return start;
    const begun = this.#chunk.subarray(start, this.#at);
    this.#chunk = Buffer.allocUnsafe(Math.max(chunkBytes, 2 * (begun.length + bytes)));
    this.#chunk.set(begun, 0);
    this.#at = begun.length;
    return 0;
  }
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

/** A value as JSON shows it. */
export function textOf(value: Value): string {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value === null ? 'null' : JSON.stringify(plain(value), forJson);
}

/** Of a value that describes itself: maps as objects. */
export function plain(value: Value): unknown {
  // A Buffer would turn itself into something else before forJson sees it.
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, part]) => [key, plain(part)]));
  }
  return Array.isArray(value) ? value.map(plain) : value;
}

/** JSON has no bytes (base64) and no integers beyond 2^53 (text); NaN and the infinities become null. */
function forJson(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'bigint' ? value.toString() : value;
}

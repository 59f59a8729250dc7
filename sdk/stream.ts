import { put } from './cbor.js';

// Streams and the types of their fields, PROTOCOL.md §4. What is declared before `producer()` is called is its table. Fields keep the
// order of their declaration; types without a `write` are scaled integers, which a block holds as changes.

/** A field's type: its number in the table, and how a value is written where that needs more than the core has. */
export interface Field<Value> {
  readonly type: number;
  /** Writes the value, or null where it is absent or of another kind. */
  write?(value: Value | null): void;
}

/** What `send()` takes: every declared field, each with its value or null. */
export type Values<Fields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value | null : never;
};

export interface Stream<Fields = unknown> {
  readonly name: string;
  readonly names: readonly string[];
  readonly fields: readonly Field<never>[];
  /** Its place in the table. */
  readonly index: number;
  /** Where its time, its interval and its last values begin in a block's state. */
  readonly slot: number;
  /** For the compiler alone: no value has it. */
  readonly values?: Fields;
}

/** The streams declared so far, in order. */
export const declared: Stream[] = [];

/** The CBOR null that stands for an absent value. */
export const ABSENT = 246;

/** Declares a stream. `headwater build` reads these calls, so they stand at a module's top with literals. */
export function stream<Fields extends Record<string, Field<never>>>(
  name: string,
  fields: Fields,
): Stream<Fields> {
  return describe(name, fields, declared);
}

/** Adds a stream to a table. */
export function describe<Fields extends Record<string, Field<never>>>(
  name: string,
  fields: Fields,
  table: Stream[],
): Stream<Fields> {
  const names = Object.keys(fields);
  const index = table.length;
  const before = table[index - 1];
  const declaration: Stream<Fields> = {
    name,
    names,
    fields: names.map((name) => fields[name]!),
    index,
    // Slots 0 and 1 are the time and the interval of undeclared events.
    slot: before ? before.slot + 2 + before.names.length : 2,
  };
  table.push(declaration);
  return declaration;
}

/** A whole number within ±2^52. */
export const int: Field<number> = { type: 0 };
/** A whole number from 0 to 2^52. */
export const uint: Field<number> = { type: 16 };
/** A number with `digits` (0 to 9) decimal places, within ±2^52 once scaled. */
export const fixed = (digits: number): Field<number> => ({ type: digits });
/** true or false. */
export const bool: Field<boolean> = {
  type: 17,
  write: (value) => put(value === true ? 245 : value === false ? 244 : ABSENT),
};

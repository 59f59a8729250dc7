// Streams and the types of their fields, PROTOCOL.md §4. What is declared before `producer()` is called is its table. Fields keep the
// order of their declaration.

/** A field's type: its number in the table. */
export type Field<Value> = number & { readonly value?: Value };

/** What `send()` takes: every declared field, each with its value or null. */
export type Values<Fields> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value | null : never;
};

export interface Stream<Fields = Record<string, Field<unknown>>> {
  readonly name: string;
  readonly fields: Fields;
  /** Its place in the table. */
  readonly index: number;
}

/** The streams declared so far, in order. */
export const declared: Stream[] = [];

/**
 * How values are written, by the type's number; null is absent, as is what is of another kind. Types without a writer are
 * scaled integers, which a block holds as changes; what is no number is made one as JavaScript does. The others register theirs when they are imported.
 */
export const writers: Record<number, (value: never) => void> = {};

/** The CBOR null that stands for an absent value. */
export const ABSENT = 246;

/** Declares a stream. `headwater build` reads these calls, so they stand at a module's top with literals. */
export const stream = <Fields extends Record<string, Field<unknown>>>(
  name: string,
  fields: Fields,
): Stream<Fields> => {
  const made = { name, fields, index: declared.length };
  declared.push(made);
  return made;
};

/** A whole number within ±2^52. */
export const int: Field<number> = 0;
/** A whole number from 0 to 2^52. */
export const uint: Field<number> = 16;
/** A number with `digits` (0 to 9) decimal places, within ±2^52 once scaled. No arrow: esbuild puts what it gives in its place. */
export function fixed(digits: number): Field<number> {
  return digits;
}

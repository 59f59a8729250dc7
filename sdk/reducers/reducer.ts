import { send, type Taken, writeDeclared } from '../block.js';
import type { Field, Stream, Values } from '../stream.js';

// Reducers stand before send(): each takes a stream or another reducer, and is sent to as a stream is. What a reducer leaves out
// was never an event: it has no seq and is no loss. What one holds back goes out when its time comes, or at flush().
// An event's time is that of its going out. Nothing here throws.

export interface Reducer<Fields> {
  /** What it takes. */
  readonly fields: Fields;
  /** What took the event that went out at this call, as `send` says it; undefined: none went out. */
  send(values: NoInfer<Values<Fields>>): Taken | undefined;
}

/** Where a reducer hands on: a declared stream, or another reducer. */
export type Target<Fields> = Stream<Fields> | Reducer<Fields>;

/** Fields of which a reducer can hold a value: bytes are their owner's, who may fill them anew. */
export type Plain = Record<string, Field<number | boolean | string>>;

export type Readings = Record<string, unknown>;

/** How a target is sent to. */
export const sender = <Fields>(
  target: Target<Fields>,
): ((readings: Readings) => Taken | undefined) =>
  (target as { send?: never }).send ||
  ((readings) => send(target as Stream, readings, writeDeclared));

/** A copy: whoever sends may use its object again. What is absent is not in it: null, NaN, what can't be read. */
export const copy = (fields: object, values: unknown): Readings => {
  const readings: Readings = {};
  for (const name in fields) {
    try {
      const value = (values as Readings)[name];
      if (typeof value === 'number' ? value <= Infinity : value !== null) readings[name] = value;
    } catch {
      // A getter, or no values at all.
    }
  }
  return readings;
};

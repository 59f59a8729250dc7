// What devices send: a stream with its fields, values for each event, and when. A shape makes its values up, from device and seq alone; a
// trace plays a file's.

import type { Field } from 'headwater';
import type { Sdk } from 'headwater/instance';

export type Values = Record<string, number | string | boolean | null>;

/** When a device sends its events, ms from the beginning; null: no more. */
export type Times = (index: number, count: number) => number | null;

export interface Workload {
  stream: string;
  fields(sdk: Sdk): Record<string, Field<unknown>>;
  values(index: number, seq: number): Values;
  /** Absent: the run's rate says when. */
  times?: Times;
  /** How many devices it has of itself, if it has. */
  devices: number | null;
  /** Where it comes from. */
  trace?: string;
  names?: readonly string[];
}

export function shapeWorkload(stream: string): Workload {
  return {
    stream,
    devices: null,
    fields: (sdk) => ({ n: sdk.uint, t: sdk.fixed(2), rh: sdk.fixed(2) }),
    values: (index, seq) => ({
      n: seq,
      t: rounded(20 + 5 * Math.sin(seq / 60 + index), 2),
      rh: rounded(50 + 12 * Math.cos(seq / 90 + index), 2),
    }),
  };
}

/** As the SDK rounds, so that what is sent is what comes. */
export function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

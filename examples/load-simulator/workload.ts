// What devices send: a stream with its fields, values for each event, and when. A shape makes its values up, from device and seq alone; a
// trace plays a file's.

import type { Field } from 'headwater';
import type { Sdk } from 'headwater/instance';

export type Values = Record<string, number | string | boolean | null>;

export interface Workload {
  stream: string;
  /** Where it comes from. */
  trace?: string;
  fields(sdk: Sdk): Record<string, Field<unknown>>;
  /** `seq` counts in a boot, `row` what the device took in all. */
  values(index: number, seq: number, row: number): Values;
  /** How many rows a device has; absent: there is no end. */
  rows?(index: number): number;
  /** When a row is due, ms from the beginning; absent: the run's rate says when. */
  timeMs?(index: number, row: number): number;
  /** How many devices it has of itself, if it has. */
  devices: number | null;
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

import { after, cancel } from '../engine.js';
import { beforeFlush } from '../flush.js';
import type { Field } from '../stream.js';
import { copy, type Readings, type Reducer, sender, type Target } from './reducer.js';

/** `t_min`, `t_max`, `t_mean`, `t_count`: of the present values of `t`; `count`: of the events. */
type InputOf<Name> = Name extends `_${string}`
  ? never
  : Name extends `${infer Input}_min`
    ? Input
    : Name extends `${infer Input}_max`
      ? Input
      : Name extends `${infer Input}_mean`
        ? Input
        : Name extends `${infer Input}_count`
          ? Input
          : never;

/** What is aggregated: a number for each name that has a statistic. */
export type Inputs<Fields> = { [Name in keyof Fields as InputOf<Name>]: Field<number> };

/** Streams that an aggregate can fill: of numbers, each named after what it is. */
export type Statistics<Fields> = {
  [Name in keyof Fields]: Name extends 'count'
    ? Field<number>
    : InputOf<Name> extends never
      ? never
      : Field<number>;
};

/**
 * Sends statistics of a window, which begins with its first event and ends `windowMs` later (0: at no time), behind
 * `eventsMax` events, or at `flush()`. A window without events sends nothing.
 */
export const aggregate = <Fields extends Statistics<Fields>>(
  target: Target<Fields>,
  windowMs: number,
  eventsMax?: number,
): Reducer<Inputs<Fields>> => {
  const send = sender(target);
  /** The names of what is aggregated; that of the events is empty. */
  const inputs: Record<string, unknown> = {};
  for (const name in target.fields) inputs[inputOf(name)] = 0;
  let states: Record<string, State> = {};
  let events = 0;
  let timer: unknown;
  const release = () => {
    if (!events) return undefined;
    cancel(timer);
    const statistics: Readings = {};
    for (const name in target.fields) {
      statistics[name] = states[inputOf(name)]![name.split('_').pop() as 'mean'];
    }
    events = 0;
    states = {};
    return send(statistics);
  };
  beforeFlush(release);
  return {
    fields: inputs as never,
    send(values) {
      const readings = copy(inputs, values);
      readings[''] = 0;
      for (const name in inputs) {
        states[name] ||= { count: 0 };
        const state = states[name];
        const value = readings[name] as number;
        // Neither is what is absent, nor infinite.
        if (Math.abs(value) < Infinity) {
          // The mean moves by each value, so that no sum outgrows what a number holds exactly.
          const mean = state.mean || 0;
          state.mean = mean + (value - mean) / ++state.count;
          if (!(state.min! <= value)) state.min = value;
          if (!(state.max! >= value)) state.max = value;
        }
      }
      if (!events++ && windowMs) timer = after(release, windowMs);
      return events === eventsMax ? release() : undefined;
    },
  };
};

/** Without a value there is none but the count. */
interface State {
  count: number;
  min?: number;
  max?: number;
  mean?: number;
}

const inputOf = (name: string): string => name.split('_').slice(0, -1).join('_');

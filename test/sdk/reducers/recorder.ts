import type { Readings, Reducer } from '../../../sdk/reducers/reducer.js';
import type { Field } from '../../../sdk/stream.js';
import type { Random } from '../../random.js';
import { device } from '../device.js';

// A device whose reducers hand on to the test, which sees what went out and when.

export interface Out {
  at: number;
  values: Readings;
}

type Numbers<Name extends string> = Record<Name, Field<number>>;

export function recorder<Name extends string>(...names: Name[]) {
  const { sdk, engine } = device();
  const out: Out[] = [];
  const fields = Object.fromEntries(names.map((name) => [name, 0])) as Numbers<Name>;
  const self = {
    ...{ sdk, engine, out },
    /** What send() says. */
    taken: 'ram' as 'ram' | false,
    /** The values that went out since it was last asked. */
    went: () => out.splice(0).map(({ values }) => values),
    target: {
      fields,
      send(values: Readings) {
        out.push({ at: engine.now, values: { ...values } });
        return self.taken;
      },
    } as unknown as Reducer<Numbers<Name>>,
    /** Lets reducers hand over what they hold, as flush() does before it seals. */
    flush: () => sdk.flush(() => {}, 0),
  };
  return self;
}

/** A number as a sensor gives it, or none. */
export const reading = (random: Random): number | null =>
  random.chance(0.1) ? random.pick([null, NaN]) : random.below(60) / 4;

export const present = (value: unknown): value is number =>
  typeof value === 'number' && !Number.isNaN(value);

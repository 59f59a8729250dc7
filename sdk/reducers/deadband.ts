import { clock } from '../engine.js';
import type { Field } from '../stream.js';
import { copy, type Plain, type Readings, type Reducer, sender, type Target } from './reducer.js';

/** How far a number may lie from the one that was sent last and still say nothing new; 0 unless told. */
export type Bands<Fields> = {
  readonly [Name in keyof Fields]?: Fields[Name] extends Field<number> ? number : never;
};

/**
 * Sends what differs from what was sent last: a number by more than its band, anything else at all, a value that is absent
 * from one that is not. And what comes `maxMs` after that or later, so that nobody takes silence for death.
 */
export const deadband = <Fields extends Plain>(
  target: Target<Fields>,
  bands: NoInfer<Bands<Fields>>,
  maxMs?: number,
): Reducer<Fields> => {
  const send = sender(target);
  let last: Readings | undefined;
  let lastAt = 0;
  return {
    fields: target.fields,
    send(values) {
      const readings = copy(target.fields, values);
      // Without `maxMs` this compares with NaN, which is false.
      let due = !last || clock() - lastAt >= maxMs!;
      for (const name in target.fields) {
        due ||= differs(readings[name], last![name], (bands as Record<string, number>)[name]);
      }
      if (!due) return undefined;
      lastAt = clock();
      const taken = send(readings);
      // What was refused is not known at the other end, so the next one is due.
      last = taken === false ? undefined : readings;
      return taken;
    },
  };
};

/** Without a band, and where one is absent, the distance is within nothing. */
const differs = (value: unknown, before: unknown, band: number | undefined): boolean =>
  value !== before && !(Math.abs((value as number) - (before as number)) <= band!);

import { after, cancel, clock } from '../engine.js';
import { beforeFlush } from '../flush.js';
import { copy, type Plain, type Readings, type Reducer, sender, type Target } from './reducer.js';

/**
 * Sends at most one event in `intervalMs`: the first at once; of those behind it the latest, when the interval is over or at
 * `flush()`. With 'first' those behind it are left out, and no timer runs.
 */
export const throttle = <Fields extends Plain>(
  target: Target<Fields>,
  intervalMs: number,
  keep?: 'latest' | 'first',
): Reducer<Fields> => {
  const send = sender(target);
  let held: Readings | undefined;
  let timer: unknown;
  let lastAt = -Infinity;
  const pass = (readings: Readings) => {
    cancel(timer);
    held = undefined;
    lastAt = clock();
    return send(readings);
  };
  const release = () => {
    if (held) pass(held);
  };
  beforeFlush(release);
  return {
    fields: target.fields,
    send(values) {
      const readings = copy(target.fields, values);
      const restMs = lastAt + intervalMs - clock();
      if (restMs <= 0) return pass(readings);
      if (keep !== 'first') {
        if (!held) timer = after(release, restMs);
        held = readings;
      }
      return undefined;
    },
  };
};

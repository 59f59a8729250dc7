// What it costs the proxy that devices prove themselves and each frame has a MAC: the same load without and with keys, in turn.

import { type Figure, median, type Scene, spread, values } from './figure.js';
import { throughputOfProxy } from './throughput.js';

const goal = 0.1;

export const keys: Figure = {
  name: 'keys',
  about: 'the same with devices that have keys: a MAC in each frame',
  async measure(scene: Scene) {
    const without = await throughputOfProxy(scene, { delivery: 'exactly-once' });
    const with_ = await throughputOfProxy(scene, { delivery: 'exactly-once', isKeyed: true });
    return {
      ...{ without: without.perSecond, withoutUs: without.cpuUs },
      ...{ with: with_.perSecond, withUs: with_.cpuUs },
    };
  },
  lines(samples) {
    const of = (name: string, digits?: number) => spread(values(samples, name), digits);
    const more = median(values(samples, 'withUs')) / median(values(samples, 'withoutUs')) - 1;
    return [
      {
        what: 'CPU, µs an event, with keys',
        measured: `${of('withUs', 1)}; ${of('with')} events/s`,
        reference: `without ${of('withoutUs', 1)}; ${of('without')} events/s`,
        goal: `≤ 10 % more: ${(100 * more).toFixed(0)} %`,
        isMet: more <= goal,
      },
    ];
  },
};

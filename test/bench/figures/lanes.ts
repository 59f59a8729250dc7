// The same with two lanes, beside one in the same round, and two bare clients.

import { type Figure, median, ratio, spread, values } from './figure.js';
import { throughputOfProxy, throughputOfRaw } from './throughput.js';

const delivery = 'exactly-once';

export const lanes: Figure = {
  name: 'lanes',
  about: 'as throughput, with two lanes: events/s, CPU, memory',
  async measure(scene) {
    const one = await throughputOfProxy(scene, { delivery });
    const two = await throughputOfProxy(scene, { delivery, lanes: 2 });
    const raw = await throughputOfRaw(scene, delivery, { lanes: 2 });
    return {
      ...{ one: one.perSecond, oneUs: one.cpuUs, oneMb: one.residentMb },
      ...{ two: two.perSecond, twoUs: two.cpuUs, twoMb: two.residentMb },
      ...{ raw: raw.perSecond, rawUs: raw.cpuUs },
    };
  },
  lines(samples) {
    const of = (name: string, digits?: number) => spread(values(samples, name), digits);
    const share = ratio(samples, 'two', 'raw');
    const aboveUs = median(values(samples, 'twoUs')) - median(values(samples, 'rawUs'));
    const moreMb = median(values(samples, 'twoMb')) - median(values(samples, 'oneMb'));
    return [
      {
        what: 'events/s, exactly-once, two lanes',
        measured: of('two'),
        reference: `one lane ${of('one')}; two bare kafkajs ${of('raw')}`,
        goal: `≥ 0.85 × two bare ones: ${share.toFixed(2)} (${ratio(samples, 'two', 'one').toFixed(2)} × one lane)`,
        isMet: share >= 0.85,
      },
      {
        what: 'CPU, µs an event, two lanes',
        measured: of('twoUs', 1),
        reference: `one lane ${of('oneUs', 1)}; two bare kafkajs ${of('rawUs', 1)}`,
        goal: `≤ 4 above two bare ones: ${aboveUs.toFixed(1)}`,
        isMet: aboveUs <= 4,
      },
      {
        what: 'MB resident, two lanes, at most',
        measured: of('twoMb'),
        reference: `one lane ${of('oneMb')}`,
        goal: `≤ 60 more: ${moreMb.toFixed(0)}`,
        isMet: moreMb <= 60,
      },
    ];
  },
};

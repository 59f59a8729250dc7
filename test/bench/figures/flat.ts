// What an event costs as devices grow from ten to ten thousand, at the same block size.

import { type Figure, median, type Sample, spread, values } from './figure.js';
import { throughputOfProxy } from './throughput.js';

const counts = [10, 100, 1_000, 10_000];

export const flat: Figure = {
  name: 'flat',
  about: `µs of CPU an event with ${counts.join(', ')} devices`,
  async measure(scene) {
    const sample: Sample = {};
    for (const deviceCount of counts) {
      const { cpuUs } = await throughputOfProxy(scene, { delivery: 'exactly-once', deviceCount });
      sample[`us${deviceCount}`] = cpuUs;
    }
    return sample;
  },
  lines(samples) {
    const middles = counts.map((count) => median(values(samples, `us${count}`)));
    const steepest = Math.max(...middles) / Math.min(...middles);
    return [
      {
        what: 'CPU, µs an event, by devices',
        measured: counts
          .map((count) => `${count}: ${spread(values(samples, `us${count}`), 1)}`)
          .join('; '),
        reference: '',
        goal: `flat within 15 %: ${((steepest - 1) * 100).toFixed(0)} %`,
        isMet: steepest <= 1.15,
      },
    ];
  },
};

// What devices cost that say little: connected and silent, or ten thousand of them with an event each every ten seconds.

import { setTimeout as sleep } from 'node:timers/promises';
import { allCommitted, benchProxy } from '../bench-proxy.js';
import { startChild } from '../child.js';
import { stream } from '../device-frames.js';
import type { PaceMessage } from '../pace.js';
import { cpuMs, residentBytes } from '../process-cost.js';
import { prove } from '../proof.js';
import { type Figure, median, type Sample, spread, values } from './figure.js';

const many = 10_000;
const periodSeconds = 10;
const seconds = 20;

async function costOf(
  bootstrap: string,
  devices: number,
  rate: number,
): Promise<{ bytes: number; percent: number }> {
  const { site, proxy, end } = await benchProxy(bootstrap);
  const words = [proxy.tcpPort, devices, 1, rate, seconds + 5];
  const pace = startChild<PaceMessage>('pace.js', words);
  try {
    const before = await residentBytes(proxy.pid);
    await pace.hears('ready');
    if (rate > 0) pace.go();
    await sleep(5_000);
    const [begin, cpu] = [performance.now(), await cpuMs(proxy.pid)];
    await sleep(seconds * 1_000);
    const percent = ((await cpuMs(proxy.pid)) - cpu) / (performance.now() - begin);
    const bytes = (await residentBytes(proxy.pid)) - before;
    if (rate > 0) {
      const { sent } = await pace.hears('done');
      await allCommitted(proxy, sent);
      await prove(bootstrap, site.prefix + stream, new Map(sent));
    }
    return { percent: percent * 100, bytes };
  } finally {
    pace.end();
    await end();
  }
}

export const crowd: Figure = {
  name: 'crowd',
  about: `100 silent devices; ${many} with an event every ${periodSeconds} s`,
  async measure({ bootstrap }) {
    const silent = await costOf(bootstrap, 100, 0);
    // What the same traffic costs without the many: the rest is theirs.
    const few = await costOf(bootstrap, 100, many / periodSeconds);
    const all = await costOf(bootstrap, many, many / periodSeconds);
    const sample: Sample = {
      ...{ silentPercent: silent.percent, percent: all.percent, fewPercent: few.percent },
      bytesEach: (all.bytes - few.bytes) / (many - 100),
    };
    return sample;
  },
  lines(samples) {
    const [silent, all, bytes] = ['silentPercent', 'percent', 'bytesEach'].map((name) =>
      median(values(samples, name)),
    );
    return [
      {
        what: '100 connected, silent devices: percent of a core',
        measured: spread(values(samples, 'silentPercent'), 2),
        reference: '',
        goal: '< 0.5',
        isMet: silent! < 0.5,
      },
      {
        what: '10,000 devices, an event each per 10 s: percent of a core',
        measured: spread(values(samples, 'percent'), 1),
        reference: `100 devices with the same traffic: ${spread(values(samples, 'fewPercent'), 1)}`,
        goal: '≤ 15',
        isMet: all! <= 15,
      },
      {
        what: 'resident memory, bytes a device of them',
        measured: spread(values(samples, 'bytesEach')),
        reference: 'beyond what 100 devices with the same traffic take',
        goal: '≤ 10,000',
        isMet: bytes! <= 10_000,
      },
    ];
  },
};

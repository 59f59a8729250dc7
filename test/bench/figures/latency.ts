// How long a block takes to its ACK, and to a consumer that reads what is committed, at a steady rate.

import { allCommitted, benchProxy } from '../bench-proxy.js';
import { startChild } from '../child.js';
import { stream } from '../device-frames.js';
import type { PaceMessage } from '../pace.js';
import { prove } from '../proof.js';
import { type Figure, median, percentile, type Sample, spread, values } from './figure.js';
import { syncTimes } from './journal.js';

const devices = 50;
const blockEvents = 20;
const seconds = 10;

async function paced(
  bootstrap: string,
  delivery: string,
  rate: number,
  isRead: boolean,
): Promise<Extract<PaceMessage, { kind: 'done' }>> {
  const { site, proxy, end } = await benchProxy(bootstrap, { delivery });
  const reading = isRead ? [bootstrap, site.prefix + stream] : [];
  const words = [proxy.tcpPort, devices, blockEvents, rate, seconds, ...reading];
  const pace = startChild<PaceMessage>('pace.js', words);
  try {
    await pace.hears('ready');
    pace.go();
    const done = await pace.hears('done');
    await allCommitted(proxy, done.sent);
    await prove(bootstrap, site.prefix + stream, new Map(done.sent));
    return done;
  } finally {
    pace.end();
    await end();
  }
}

export const latency: Figure = {
  name: 'latency',
  about: `${devices} devices at a rate, blocks of ${blockEvents}: ms to the ACK, ms until committed`,
  async measure({ bootstrap }) {
    const { ackMs } = await paced(bootstrap, 'exactly-once', 10_000, false);
    // A group at this rate is a block or two.
    const disk = await syncTimes(400, 500);
    const sample: Sample = {
      ...{ ack50: percentile(ackMs, 0.5), ack99: percentile(ackMs, 0.99) },
      ...{ disk50: percentile(disk, 0.5), disk99: percentile(disk, 0.99) },
    };
    for (const [name, delivery] of [
      ['exact', 'exactly-once'],
      ['once', 'at-least-once'],
    ] as const) {
      const { committedMs } = await paced(bootstrap, delivery, 5_000, true);
      sample[`${name}50`] = percentile(committedMs, 0.5);
      sample[`${name}99`] = percentile(committedMs, 0.99);
    }
    return sample;
  },
  lines(samples) {
    const of = (name: string) => spread(values(samples, name), 1);
    const middle = (name: string) => median(values(samples, name));
    const allowed = Math.max(10, 2 * middle('disk99'));
    const committed = (name: string, what: string, goalMs: number) => ({
      what: `ms from a device until committed at 5,000 events/s, ${what}`,
      measured: `p50 ${of(`${name}50`)}, p99 ${of(`${name}99`)}`,
      reference: 'a consumer of its own, read_committed',
      goal: `p99 ≤ ${goalMs}`,
      isMet: middle(`${name}99`) <= goalMs,
    });
    return [
      {
        what: 'ms to the ACK at 10,000 events/s',
        measured: `p50 ${of('ack50')}, p99 ${of('ack99')}`,
        reference: `fdatasync alone: p50 ${of('disk50')}, p99 ${of('disk99')}`,
        goal: `p50 ≤ 4, p99 ≤ ${allowed.toFixed(1)}`,
        isMet: middle('ack50') <= 4 && middle('ack99') <= allowed,
      },
      committed('exact', 'exactly-once', 80),
      committed('once', 'at-least-once', 25),
    ];
  },
};

// The journal alone: frames in, fsynced, acknowledged, no Kafka. Beside it the disk: append and fdatasync of groups of the same size.

import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchProxy } from '../bench-proxy.js';
import { startChild } from '../child.js';
import type { FloodMessage } from '../flood.js';
import { cpuMs } from '../process-cost.js';
import { type Figure, percentile, spread, values } from './figure.js';

const devices = 50;
const blockEvents = 20;

/** How long append + fdatasync of so many bytes takes: ms each. */
export async function syncTimes(bytes: number, count: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-bench-'));
  const file = await open(join(folder, 'groups'), 'w');
  const group = Buffer.alloc(bytes, 7);
  const times: number[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const begin = performance.now();
      await file.write(group, 0, group.length, n * group.length);
      await file.datasync();
      times.push(performance.now() - begin);
    }
  } finally {
    await file.close();
    await rm(folder, { recursive: true });
  }
  return times;
}

export const journal: Figure = {
  name: 'journal',
  about: `frames in, fsynced, acknowledged, no Kafka: ${devices} devices, blocks of ${blockEvents}`,
  async measure({ events }) {
    const { proxy, end } = await benchProxy(null);
    const words = [proxy.tcpPort, devices, blockEvents, events / 2, 2 * events];
    const flood = startChild<FloodMessage>('flood.js', words);
    try {
      await flood.hears('ready');
      flood.go();
      await flood.hears('acknowledged');
      const { events: these } = await flood.hears('ready');
      const syncs = async () => (await proxy.metric('headwater_fsync_seconds_count')) ?? 0;
      const bytes = async () => (await proxy.metric('headwater_journal_bytes')) ?? 0;
      const [syncsBefore, bytesBefore] = [await syncs(), await bytes()];
      const [begin, cpu] = [performance.now(), await cpuMs(proxy.pid)];
      flood.go();
      await flood.hears('acknowledged');
      const ms = performance.now() - begin;
      const spentMs = (await cpuMs(proxy.pid)) - cpu;
      const groups = (await syncs()) - syncsBefore;
      const groupBytes = Math.round(((await bytes()) - bytesBefore) / groups);
      const disk = await syncTimes(groupBytes, 300);
      const perGroup = these / groups;
      return {
        perSecond: (these / ms) * 1000,
        ...{ cpuUs: (spentMs * 1000) / these, groupBytes },
        diskPerSecond: (perGroup / percentile(disk, 0.5)) * 1000,
      };
    } finally {
      flood.end();
      await end();
    }
  },
  lines(samples) {
    const perSecond = values(samples, 'perSecond');
    return [
      {
        what: 'events/s, journal alone',
        measured: `${spread(perSecond)}, ${spread(values(samples, 'cpuUs'), 1)} µs of CPU each`,
        reference:
          `append + fdatasync of the same groups (${spread(values(samples, 'groupBytes'))} bytes): ` +
          spread(values(samples, 'diskPerSecond')),
        goal: '≥ 150,000',
        isMet: percentile(perSecond, 0.5) >= 150_000,
      },
    ];
  },
};

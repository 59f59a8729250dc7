// How many events a second go from device frames into Kafka, and what one costs, beside bare kafkajs with the same records, broker, number
// of lanes and size of transactions.

import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { startChild } from './child.js';
import { stream } from './device-frames.js';
import type { FloodMessage } from './flood.js';
import { cpuMs, cpuMsByThread } from './process-cost.js';
import type { RawMessage } from './raw-kafkajs.js';

export interface Throughput {
  perSecond: number;
  /** User and system, of the process that speaks to Kafka (µs an event). */
  cpuUs: number;
}

export interface Load {
  bootstrap: string;
  events: number;
  devices: number;
  blockEvents: number;
  recordsMax: number;
}

/** A site with its topics and a proxy on it. */
export async function proxyOf(
  bootstrap: string | null,
  overrides: Record<string, unknown>,
  start: { nodeFlags?: string[] } = {},
): Promise<{ site: Site; proxy: ProxyProcess; end(): Promise<void> }> {
  const site = await makeSite({ bootstrap, label: 'bench', overrides });
  if (bootstrap !== null) {
    await createTopics(bootstrap, [site.prefix + stream, `${site.prefix}headwater.loss`], 4);
  }
  const proxy = await startProxy(site.config, ['--set', 'log.level=info'], start);
  return {
    ...{ site, proxy },
    async end() {
      await proxy.stop();
      await site.remove();
    },
  };
}

export async function throughputOfProxy(
  load: Load,
  delivery: 'exactly-once' | 'at-least-once',
  nodeFlags: string[] = [],
): Promise<Throughput & { threads: string[] }> {
  const { bootstrap, events, devices, blockEvents, recordsMax } = load;
  const { site, proxy, end } = await proxyOf(bootstrap, { delivery }, { nodeFlags });
  void site;
  void recordsMax;
  const warm = Math.floor(events / 4);
  const flood = startChild<FloodMessage>('flood.js', [
    ...[proxy.tcpPort, devices, blockEvents],
    ...[warm, events],
  ]);
  try {
    let all = 0;
    const phase = async () => {
      const { events: these } = await flood.hears('ready');
      all += these;
      const [begin, cpu] = [performance.now(), await cpuMs(proxy.pid)];
      flood.go();
      await flood.hears('acknowledged');
      const committed = () => proxy.metric('headwater_events_committed_total');
      await until(async () => (await committed()) === all, { lookMs: 100 });
      const ms = performance.now() - begin;
      const spentMs = (await cpuMs(proxy.pid)) - cpu;
      return { perSecond: (these / ms) * 1000, cpuUs: (spentMs * 1000) / these };
    };
    await phase();
    const measured = await phase();
    const threads = await cpuMsByThread(proxy.pid);
    return { ...measured, threads: threads.map(({ thread, ms }) => `${thread}: ${ms} ms`) };
  } finally {
    flood.end();
    await end();
  }
}

export async function throughputOfRaw(
  load: Load,
  mode: 'exactly-once' | 'idempotent',
  size: number,
): Promise<Throughput> {
  const { bootstrap, events, devices } = load;
  const topic = `raw-${mode}-${process.pid}-${Date.now()}`;
  await createTopics(bootstrap, [topic], 4);
  await createTopics(bootstrap, [`${topic}.positions`], 1);
  const all = Math.floor(events * 1.25);
  const raw = startChild<RawMessage>('raw-kafkajs.js', [
    ...[bootstrap, topic, mode],
    ...[all, devices, size],
  ]);
  try {
    await raw.hears('ready');
    raw.go();
    const { ms, cpuMs: spentMs, records } = await raw.hears('done');
    return { perSecond: (records / ms) * 1000, cpuUs: (spentMs * 1000) / records };
  } finally {
    raw.end();
  }
}

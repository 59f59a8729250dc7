// The built proxy on a site of its own, with its topics, as every figure measures it.

import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, type ProxyStart, startProxy } from '../site/proxy-process.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { stream } from './device-frames.js';

export interface BenchProxy {
  site: Site;
  proxy: ProxyProcess;
  end(): Promise<void>;
}

/** Until Kafka has what devices sent. */
export async function allCommitted(
  proxy: ProxyProcess,
  sent: readonly [device: string, events: number][],
): Promise<void> {
  const all = sent.reduce((sum, [, events]) => sum + events, 0);
  const committed = () => proxy.metric('headwater_events_committed_total');
  await until(async () => (await committed()) === all, { lookMs: 50 });
}

/** Without Kafka where `bootstrap` is null. `prepare`: before the proxy starts. */
export async function benchProxy(
  bootstrap: string | null,
  overrides: Record<string, unknown> = {},
  {
    flags = [],
    prepare = async () => {},
    ...start
  }: ProxyStart & { flags?: string[]; prepare?(site: Site): Promise<void> } = {},
): Promise<BenchProxy> {
  // All devices are here.
  const limits = { connectionsMax: 20_000, unprovenMax: 20_000, addressShare: 1 };
  const site = await makeSite({ bootstrap, label: 'bench', overrides: { limits, ...overrides } });
  if (bootstrap !== null) {
    await createTopics(bootstrap, [site.prefix + stream, `${site.prefix}headwater.loss`], 4);
  }
  await prepare(site);
  const proxy = await startProxy(site.config, flags, start);
  return {
    ...{ site, proxy },
    async end() {
      await proxy.stop();
      await site.remove();
    },
  };
}

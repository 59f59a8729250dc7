// Devices that send while the proxy is killed again and again, and what a reader then finds in Kafka.

import * as assert from 'uvu/assert';
import type { Config, KafkaConfig } from '../../proxy/config.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, type ProxyStart, startProxy } from './proxy-process.js';
import { openRelay } from './relay.js';
import { type Sensor, startSensor } from './sensor.js';
import { makeSite, type Site } from './site.js';
import { until } from './until.js';
import { createCounter, type Verdict } from './verdict.js';

export type Modes = Pick<Config, 'ack' | 'delivery'> & { client?: KafkaConfig['client'] };

const devices = ['press-1', 'press-2', 'press-3'];

/** Devices that send while the proxy is killed, `between` a kill and the next start; then everything is finished. */
export async function killed(
  modes: Modes,
  between: (site: Site) => Promise<void>,
  start: ProxyStart = {},
) {
  const bootstrap = await sharedBroker();
  const { client, ...others } = modes;
  const site = await makeSite({ bootstrap, label: 'modes', overrides: { ...others } });
  const flags = client === undefined ? [] : ['--set', `kafka.client=${client}`];
  const topic = `${site.prefix}climate`;
  await createTopics(bootstrap, [topic, `${site.prefix}headwater.loss`], 3);
  let proxy: ProxyProcess | null = await startProxy(site.config, flags, start);
  const relay = await openRelay(() => proxy?.tcpPort ?? null);
  const sensors: Sensor[] = [];
  for (const device of devices) {
    sensors.push(await startSensor({ port: relay.port, device, everyMs: 4, bufferBytes: 16_384 }));
  }
  try {
    for (let kill = 1; kill <= 3; kill++) {
      await until(() => sensors.every(({ sent }) => sent.size >= kill * 150));
      await proxy.kill();
      proxy = null;
      await between(site);
      proxy = await startProxy(site.config, flags, start);
    }
    const finished = await Promise.all(sensors.map((sensor) => sensor.finish()));
    assert.equal(finished, [true, true, true]);
    assert.is(await proxy.stop(), 0);
    const records = await consume({ bootstrap, topics: [topic] });
    return { proxy, sent: new Map(sensors.map(({ device, sent }) => [device, sent])), records };
  } finally {
    for (const sensor of sensors) sensor.stop();
    await proxy?.kill();
    await relay.close();
    await site.remove();
  }
}

export type Killed = Awaited<ReturnType<typeof killed>>;

/** `knowing`: drops what came before, as README.md says. */
export function read(
  { records, sent }: Pick<Killed, 'records' | 'sent'>,
  knowing: boolean,
): Verdict {
  const counter = createCounter();
  const last = new Map<string, number>();
  for (const { key, value, headers } of records) {
    const [boot = '', seq = ''] = (headers['hw-id'] ?? '').split('/');
    const place = `${key} ${boot}`;
    if (knowing && Number(seq) <= (last.get(place) ?? -1)) continue;
    last.set(place, Number(seq));
    counter.take({ key: String(key), headers, value: String(value) });
  }
  return counter.judge(sent);
}

// Another number of lanes, on real Kafka: when it takes effect, and that each event is there once and in its device's order whatever was killed
// around it; and adoption of a journal that several lanes bring into Kafka.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('lanes');
const devices = ['press-01', 'press-02', 'kiln', 'oven'];
let bootstrap: string;
let site: Site;
const proxies: ProxyProcess[] = [];
const sensors: Sensor[] = [];

test.before(async () => {
  bootstrap = await sharedBroker();
});

test.before.each(async () => {
  const limits = { drainTimeoutMs: 60_000 };
  site = await makeSite({ bootstrap, label: 'lanes', overrides: { limits } });
  await createTopics(bootstrap, [`${site.prefix}climate`, `${site.prefix}headwater.loss`], 4);
});

test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  for (const proxy of proxies.splice(0)) await proxy.kill();
  await site.remove();
});

async function start(lanes: number, ...flags: string[]): Promise<ProxyProcess> {
  const proxy = await startProxy(site.config, ['--set', `kafka.lanes=${lanes}`, ...flags]);
  proxies.push(proxy);
  return proxy;
}

/** Each device sends its next events; how many of each were acknowledged. */
const sent = new Map<string, number>();
async function send(proxy: ProxyProcess): Promise<void> {
  const these = await Promise.all(
    devices.map((device) => startSensor({ port: proxy.tcpPort, everyMs: 2, device })),
  );
  sensors.push(...these);
  for (const [at, sensor] of these.entries()) {
    await until(() => sensor.acknowledged() >= 40);
    assert.ok(await sensor.finish());
    const device = devices[at]!;
    sent.set(device, (sent.get(device) ?? 0) + sensor.sent.size);
  }
}

const lanesOf = (proxy: ProxyProcess) =>
  Promise.all(
    [0, 1, 2, 3].map((lane) => proxy.metric('headwater_lane_backlog_bytes', `lane="${lane}"`)),
  ).then((found) => found.filter((bytes) => bytes !== null).length);
const waits = (proxy: ProxyProcess) =>
  proxy.said().filter((line) => line.startsWith('kafka.lanes is '));

/** Of each device and boot every seq once, in its order. */
async function assertExact(): Promise<void> {
  const records = await consume({ bootstrap, topics: [`${site.prefix}climate`] });
  const next = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const { key, headers } of records) {
    const [boot, seq] = headers['hw-id']!.split('/');
    const device = key!.toString();
    const place = `${device} ${boot}`;
    assert.is(Number(seq), next.get(place) ?? 0, `${place}: once, and in order`);
    next.set(place, Number(seq) + 1);
    counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  assert.equal([...counts].sort(), [...sent].sort());
}

test('another number takes effect where Kafka has everything, and what waits goes out under the old one', async () => {
  sent.clear();
  const one = await start(1);
  await send(one);
  assert.is(await one.stop(), 0);

  const three = await start(3);
  assert.is(await lanesOf(three), 3, 'nothing waited');
  await send(three);
  await three.kill();

  const away = await start(2, '--set', 'kafka.brokers=127.0.0.1:1');
  await send(away);
  assert.is(await lanesOf(away), 3, 'events waited');
  await away.kill();

  const back = await start(2);
  assert.is(await lanesOf(back), 3);
  assert.match(waits(back)[0] ?? '', /^kafka\.lanes is 2 and the journal has 3/);
  await send(back);
  assert.is(await back.stop(), 0);

  const two = await start(2);
  assert.equal([await lanesOf(two), waits(two)], [2, []]);
  await send(two);
  assert.is(await two.stop(), 0);
  await assertExact();
});

test('a journal is adopted for each of its lanes', async () => {
  sent.clear();
  const before = await start(2);
  await send(before);
  assert.is(await before.stop(), 0);
  await assertExact();

  await rm(join(site.folder, 'journal'), { recursive: true });
  const words = ['--config', site.config, '--set', 'kafka.lanes=2'];
  const refused = await runHeadwater(['proxy', ...words]);
  assert.is(refused.code, 1);
  assert.match(refused.complaint, /headwater journal adopt/);
  const adopted = await runHeadwater(['journal', 'adopt', ...words.slice(0, 2), '--yes', '--json']);
  assert.is(adopted.code, 0, adopted.complaint);

  const after = await start(2);
  await send(after);
  assert.is(await after.stop(), 0);
  await assertExact();
});

test.run();

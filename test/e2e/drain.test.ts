// A proxy whose Kafka was away, and that may not bring more than so much a second: what waited comes in order and whole, and meanwhile devices are
// acknowledged. That the rate holds is counted on a model's clock, test/proxy/kafka/pace.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('draining');
let site: Site;
let proxy: ProxyProcess;
const sensors: Sensor[] = [];

test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  await proxy.kill();
  await site.remove();
});

async function sense(device: string): Promise<Sensor> {
  const sensor = await startSensor({ port: proxy.tcpPort, everyMs: 1, device });
  sensors.push(sensor);
  return sensor;
}

test('in order and whole, while a device that lives is acknowledged', async () => {
  const bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'drain' });
  await createTopics(bootstrap, [`${site.prefix}climate`], 3);
  proxy = await startProxy(site.config, ['--set', 'kafka.brokers=127.0.0.1:1']);
  const before = [await sense('press-01'), await sense('press-02')];
  await until(() => before.every((sensor) => sensor.acknowledged() >= 300));
  for (const sensor of before) assert.ok(await sensor.finish());
  const backlog = before.reduce((sum, { sent }) => sum + sent.size, 0);
  assert.is(await proxy.metric('headwater_uncommitted_events'), backlog);
  assert.ok(((await proxy.metric('headwater_oldest_uncommitted_seconds')) ?? 0) > 0);
  await proxy.kill();

  proxy = await startProxy(site.config, ['--set', 'kafka.drainEventsPerSecond=100']);
  const live = await sense('press-03');
  await until(() => live.acknowledged() > 0);
  const waiting = (await proxy.metric('headwater_uncommitted_events')) ?? 0;
  const then = live.acknowledged();
  await until(() => live.acknowledged() >= then + 20);
  const still = (await proxy.metric('headwater_uncommitted_events')) ?? 0;
  assert.ok(waiting > 0 && still > 0, 'it was through before the device was acknowledged');
  assert.ok(await live.finish());
  const all = backlog + live.sent.size;
  await until(async () => (await proxy.metric('headwater_uncommitted_events')) === 0);
  const records = await consume({ bootstrap, topics: [`${site.prefix}climate`] });
  assert.is(records.length, all);
  for (const device of ['press-01', 'press-02', 'press-03']) {
    const seqs = records
      .filter(({ key }) => String(key) === device)
      .map(({ headers }) => Number(headers['hw-id']?.split('/')[1]));
    assert.equal(
      seqs,
      seqs.map((_, seq) => seq),
    );
  }
  assert.equal(
    [
      await proxy.metric('headwater_oldest_uncommitted_seconds'),
      await proxy.metric('headwater_drain_eta_seconds'),
    ],
    [0, 0],
  );
  assert.ok(((await proxy.metric('headwater_fsync_seconds_count')) ?? 0) > 0);
});

test.run();

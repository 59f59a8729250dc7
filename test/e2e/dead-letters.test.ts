// What a real Kafka refuses, and a topic that is not made: the built proxy delivers all else, in order, and the rest as dead letters.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics, withAdmin } from '../kafka/topics.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('dead letters');
let site: Site;
let proxy: ProxyProcess;
let sensor: Sensor;

test.after.each(async () => {
  sensor.stop();
  await proxy.kill();
  await site.remove();
});

const committed = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;
const topicOf = (name: string) => `${site.prefix}${name}`;

async function begin(
  topics: string[],
  limits: Record<string, string>,
  graceSeconds: number,
  everyMs = 5,
) {
  const bootstrap = await sharedBroker();
  site = await makeSite({ bootstrap, label: 'letters' });
  await createTopics(bootstrap, topics.map(topicOf), 1);
  if (Object.keys(limits).length > 0) await limit(limits);
  proxy = await startProxy(site.config, ['--set', `kafka.topicGraceSeconds=${graceSeconds}`]);
  sensor = await startSensor({ port: proxy.tcpPort, everyMs });
}

async function limit(limits: Record<string, string>): Promise<void> {
  const resources = Object.entries(limits).map(([name, bytes]) => ({
    ...{ type: 2, name: topicOf(name) },
    configEntries: [{ name: 'max.message.bytes', value: bytes }],
  }));
  await withAdmin(await sharedBroker(), (admin) =>
    admin.alterConfigs({ validateOnly: false, resources }),
  );
}

/** Everything that the sensor sent is in Kafka, as the proxy counts it; answers what lies in these topics. */
async function finish(...names: string[]) {
  assert.ok(await sensor.finish());
  const events = sensor.sent.size;
  await until(async () => (await committed()) === events);
  const records = await consume({ bootstrap: await sharedBroker(), topics: names.map(topicOf) });
  const seqOf = (id: string | undefined) => Number(id?.split('/')[1]);
  return { events, records, seqs: records.map(({ headers }) => seqOf(headers['hw-id'])) };
}

const upTo = (count: number) => Array.from({ length: count }, (_, seq) => seq);

test('a topic that takes small requests alone has every event, in order', async () => {
  // One record fits, a block of them does not.
  await begin(['climate', 'headwater.dead'], { climate: '220' }, 60);
  await until(() => sensor.sent.size >= 60);
  const { events, seqs } = await finish('climate');
  assert.equal(seqs, upTo(events));
});

test('what is too large for its topic is a dead letter, once, and says why', async () => {
  // Kafka's own marker at a transaction's end must fit.
  await begin(['climate', 'headwater.dead'], { climate: '100' }, 60, 50);
  await until(() => sensor.sent.size >= 10);
  const { events, records, seqs } = await finish('climate', 'headwater.dead');
  assert.equal(seqs, upTo(events));
  for (const { topic, headers, key, value } of records) {
    assert.is(topic, topicOf('headwater.dead'));
    assert.is(headers['hw-topic'], topicOf('climate'));
    assert.match(headers['hw-why'] ?? '', /larger/);
    assert.is(String(key), 'press-07');
    assert.ok('t' in JSON.parse(String(value)));
  }
  assert.is(await proxy.metric('headwater_lane_events_total', 'what="dead-letters"'), events);
});

test("a topic too small for Kafka's own mark: not written, said, and its records are letters", async () => {
  await begin(['climate', 'headwater.dead'], { climate: '77' }, 1);
  await until(async () => (await committed()) > 0);
  const small =
    /topic .*climate has max\.message\.bytes=77, .* takes 78: .*; raise it: kafka-configs\.sh/;
  assert.match(proxy.said().join('\n'), small);
  await limit({ climate: '100000' });
  const before = sensor.sent.size;
  await until(async () => (await committed()) > before);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const { events, records, seqs } = await finish('climate', 'headwater.dead');
  assert.equal(
    [...seqs].sort((a, b) => a - b),
    upTo(events),
  );
  assert.ok(records.some(({ topic }) => topic === topicOf('climate')));
});

test('a topic that stays missing: dead letters behind its grace, and its records once it is there', async () => {
  await begin(['headwater.dead'], {}, 1);
  await until(async () => (await committed()) > 0);
  await createTopics(await sharedBroker(), [topicOf('climate')], 1);
  const before = sensor.sent.size;
  await until(async () => (await committed()) > before);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const { events, records, seqs } = await finish('climate', 'headwater.dead');
  assert.equal(
    [...seqs].sort((a, b) => a - b),
    upTo(events),
  );
  const inPlace = records.filter(({ topic }) => topic === topicOf('climate'));
  assert.ok(inPlace.length > 0 && inPlace.length < events);
});

test.run();

// What befalls Kafka, on a broker of our own: absent at the start, killed, suspended, a topic missing
// or forbidden, away for longer than the journal has room. Each time: one line that says which and
// what to do, the device is acknowledged meanwhile, and everything flows without a restart.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import kafkajs, { type AclEntry } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../kafka/broker.js';
import { consume } from '../kafka/read-back.js';
import { temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics, withAdmin } from '../kafka/topics.js';
import { books, judge } from '../site/judge.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { type Sensor, startFlood, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ResourcePatternTypes,
} = kafkajs;
const test = suite("Kafka's troubles");
let broker: Broker;
let site: Site;
let proxy: ProxyProcess;
let sensor: Sensor;
let flood: Sensor | null = null;

test.before(async () => {
  broker = await temporaryBroker(() => {}, {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
  });
});

test.after.each(async () => {
  sensor.stop();
  flood?.stop();
  flood = null;
  await proxy.kill();
  await site.remove();
});

test.after(() => broker.kill('SIGKILL'));

async function begin(options: { topic: boolean; journal?: Record<string, unknown> }) {
  site = await makeSite({ bootstrap: broker.bootstrap, label: 'trouble' });
  if (options.topic) await createTopics(broker.bootstrap, [climate()]);
  const journal = Object.entries(options.journal ?? {});
  const flags = journal.flatMap(([key, value]) => ['--set', `journal.${key}=${value}`]);
  proxy = await startProxy(site.config, flags);
}

const climate = () => `${site.prefix}climate`;
const committed = () => proxy.metric('headwater_events_committed_total');

/** What the device sent until now, and more, is acknowledged. */
async function attended(): Promise<void> {
  const events = sensor.sent.size + 10;
  await until(() => sensor.acknowledged() >= events);
}

/** All that was acknowledged until now is in Kafka. */
async function flowing(): Promise<void> {
  const events = sensor.acknowledged();
  await until(async () => ((await committed()) ?? 0) >= events);
}

/** The one line of a trouble that has begun. */
async function line(number = 1): Promise<string> {
  await until(() => proxy.said().length >= number);
  return proxy.said()[number - 1] ?? '';
}

/** Nothing else was said, nothing is missing or double, and the books say the same. */
async function wentWell(lines = 1): Promise<void> {
  assert.ok(await sensor.finish());
  await flowing();
  assert.is(await proxy.stop(), 0);
  assert.is(proxy.said().length, lines, proxy.said().join('\n'));
  const overs = proxy.log.filter(({ msg }) => `${msg}`.includes('flows again'));
  assert.is(overs.length, lines);
  const { received, committed: delivered, buffered, balanced } = books(proxy);
  const events = sensor.sent.size;
  assert.equal([received, delivered, buffered, balanced], [events, events, 0, true]);
  await judge(broker.bootstrap, climate(), [sensor]);
}

test('a topic is missing: held, and flows when it is there', async () => {
  await begin({ topic: false });
  sensor = await startSensor({ port: proxy.tcpPort });
  assert.match(
    await line(),
    `topic ${climate()} is missing; create it: kafka-topics.sh --bootstrap-server ` +
      `${broker.bootstrap} --create --topic ${climate()}`,
  );
  await attended();
  assert.is(await committed(), 0);
  await createTopics(broker.bootstrap, [climate()]);
  await flowing();
  await wentWell();
});

const describable: Partial<AclEntry> = {
  operation: AclOperationTypes.ALL,
  permissionType: AclPermissionTypes.ALLOW,
};
for (const [denied, operation, others] of [
  ['writing', AclOperationTypes.WRITE, [describable]],
  ['everything', AclOperationTypes.ALL, []],
] as const) {
  test(`a topic is forbidden, ${denied}: one line says which; flows when it is allowed`, async () => {
    await begin({ topic: true });
    sensor = await startSensor({ port: proxy.tcpPort });
    await attended();
    await flowing();
    const acl: AclEntry[] = [{ operation, permissionType: AclPermissionTypes.DENY }, ...others].map(
      (one) => ({
        ...{ resourceType: AclResourceTypes.TOPIC, resourceName: climate(), host: '*' },
        ...{ resourcePatternType: ResourcePatternTypes.LITERAL, principal: 'User:ANONYMOUS' },
        ...{ operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.ALLOW, ...one },
      }),
    );
    await withAdmin(broker.bootstrap, (admin) => admin.createAcls({ acl }));
    assert.match(
      await line(),
      `topic ${climate()} may not be written; allow it: kafka-acls.sh --bootstrap-server ` +
        `${broker.bootstrap} --add --allow-principal User:NAME --operation All --topic ${climate()}`,
    );
    await attended();
    await withAdmin(broker.bootstrap, (admin) => admin.deleteAcls({ filters: acl }));
    await flowing();
    await wentWell();
  });
}

test('killed midway, and back', async () => {
  await begin({ topic: true });
  sensor = await startSensor({ port: proxy.tcpPort });
  await attended();
  await flowing();
  await broker.kill('SIGKILL');
  assert.match(await line(), unusable());
  await attended();
  broker = await broker.restart();
  await flowing();
  await wentWell();
});

test("a topic becomes too small for Kafka's own mark: the line names it and what to do, and that helps", async () => {
  await begin({ topic: true });
  sensor = await startSensor({ port: proxy.tcpPort });
  await attended();
  await flowing();
  const limit = (value: string) =>
    withAdmin(broker.bootstrap, (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [
          {
            ...{ type: ConfigResourceTypes.TOPIC, name: climate() },
            configEntries: [{ name: 'max.message.bytes', value }],
          },
        ],
      }),
    );
  await limit('77');
  const named = () => proxy.said().find((text) => text.includes('has max.message.bytes=77'));
  await until(() => named() !== undefined);
  assert.match(named() ?? '', `restart the broker that coordinates headwater-${site.name}-0`);
  await attended();
  await limit('100000');
  await broker.kill('SIGKILL');
  broker = await broker.restart();
  assert.ok(await sensor.finish());
  await flowing();
  assert.is(await proxy.stop(), 0);
  assert.is(books(proxy).balanced, true);
  await judge(broker.bootstrap, climate(), [sensor]);
});

test('absent at the start', async () => {
  await broker.kill('SIGKILL');
  await begin({ topic: false });
  sensor = await startSensor({ port: proxy.tcpPort });
  assert.match(await line(), unusable());
  await attended();
  assert.is(await proxy.metric('headwater_lane_flowing'), 0);
  broker = await broker.restart();
  // The topic comes later than Kafka: a second trouble, with its own line.
  assert.match(await line(2), `topic ${climate()} is missing`);
  await createTopics(broker.bootstrap, [climate()]);
  await flowing();
  await wentWell(2);
});

test('a blank Kafka in its place: goes on from the journal, and says what was lost', async () => {
  await begin({ topic: true });
  sensor = await startSensor({ port: proxy.tcpPort });
  await attended();
  await flowing();
  await broker.kill('SIGKILL');
  await attended();
  await rm(join(broker.dataFolder, 'log'), { recursive: true });
  broker = await broker.restart();
  await createTopics(broker.bootstrap, [climate()]);
  await flowing();
  assert.is(await proxy.metric('headwater_lane_events_total', 'what="kafka-lost"'), 1);
  const lost = proxy.said().filter((text) => text.includes('it lost data or was replaced'));
  assert.is(lost.length, 1, proxy.said().join('\n'));
  const from = /had confirmed up to (\d+): .*; going on from (\d+)$/.exec(lost[0] ?? '');
  assert.is(from?.[1], from?.[2]);
  assert.ok(await sensor.finish());
  await flowing();
  assert.is(await proxy.stop(), 0);
  assert.is(books(proxy).balanced, true);
  // The new one has what the old one had not confirmed, once and in order, without a gap.
  const records = await consume({ bootstrap: broker.bootstrap, topics: [climate()] });
  const seqs = records.map(({ headers }) => Number(headers['hw-id']?.split('/')[1]));
  const first = seqs[0] ?? 0;
  assert.ok(first > 0);
  assert.equal(
    seqs,
    Array.from({ length: sensor.sent.size - first }, (_, at) => first + at),
  );
});

test('suspended for longer than the journal has room: credit stops, nothing is lost', async () => {
  await begin({ topic: true, journal: { bytesMax: 1_048_576 } });
  sensor = await startSensor({ port: proxy.tcpPort });
  await attended();
  await flowing();
  await broker.kill('SIGSTOP');
  assert.match(await line(), unusable());
  await attended();
  flood = await startFlood({ port: proxy.tcpPort, device: 'press-08' });
  const full = () => proxy.said().find((text) => text.includes('the journal is full'));
  await until(() => full() !== undefined);
  assert.match(full() ?? '', 'it goes on when Kafka has taken events');
  assert.is(await proxy.metric('headwater_journal_writable'), 0);
  const { status } = await fetch(`http://127.0.0.1:${proxy.httpPort}/readyz`);
  assert.is(status, 503);
  await broker.kill('SIGCONT');
  await until(async () => (await proxy.metric('headwater_journal_writable')) === 1);
  await attended();
  assert.equal([await sensor.finish(), await flood.finish()], [true, true]);
  const events = sensor.sent.size + flood.sent.size;
  await until(async () => (await committed()) === events);
  assert.is(await proxy.stop(), 0);
  const { received, buffered, balanced } = books(proxy);
  assert.equal([received, buffered, balanced], [events, 0, true]);
  await judge(broker.bootstrap, climate(), [sensor, flood]);
});

function unusable(): string {
  return `Kafka at ${broker.bootstrap} can't be used now (`;
}

test.run();

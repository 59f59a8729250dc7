// A cluster that allows no transactional id, on a broker of our own: with `delivery: at-least-once` the proxy needs none, nor do the commands
// beside it; with exactly-once the line says which id is to be allowed, and how.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import kafkajs, { type AclEntry } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../kafka/broker.js';
import { consume } from '../kafka/read-back.js';
import { temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics, withAdmin } from '../kafka/topics.js';
import { type ProxyProcess, runHeadwater, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
const test = suite('no transactions');
let broker: Broker;
let site: Site;
const proxies: ProxyProcess[] = [];
const sensors: Sensor[] = [];

test.before(async () => {
  broker = await temporaryBroker(() => {}, {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
  });
  const acl: AclEntry = {
    ...{ resourceType: AclResourceTypes.TRANSACTIONAL_ID, resourceName: '*', host: '*' },
    ...{ resourcePatternType: ResourcePatternTypes.LITERAL, principal: 'User:ANONYMOUS' },
    ...{ operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.DENY },
  };
  await withAdmin(broker.bootstrap, (admin) => admin.createAcls({ acl: [acl] }));
});

test.after.each(async () => {
  for (const sensor of sensors.splice(0)) sensor.stop();
  for (const proxy of proxies.splice(0)) await proxy.kill();
  await site.remove();
});

test.after(() => broker.kill('SIGKILL'));

const climate = () => `${site.prefix}climate`;

async function begin(
  delivery: 'exactly-once' | 'at-least-once',
  first: () => Promise<unknown> = async () => {},
): Promise<ProxyProcess> {
  const { bootstrap } = broker;
  const overrides = { delivery, journal: { folder: './journal', keepCommittedHours: 24 } };
  site = await makeSite({ bootstrap, label: 'plain', overrides });
  await createTopics(bootstrap, [climate(), `${site.prefix}headwater.dead`], 1);
  await first();
  return start();
}

async function start(...flags: string[]): Promise<ProxyProcess> {
  const proxy = await startProxy(site.config, flags);
  proxies.push(proxy);
  return proxy;
}

/** How many a device sent, once they are acknowledged. */
async function sent(proxy: ProxyProcess, device: string): Promise<number> {
  const sensor = await startSensor({ port: proxy.tcpPort, everyMs: 2, device });
  sensors.push(sensor);
  await until(() => sensor.acknowledged() >= 50);
  assert.ok(await sensor.finish());
  return sensor.sent.size;
}

const headwater = (...words: string[]) => runHeadwater([...words, '--config', site.config]);
const resend = (...words: string[]) =>
  headwater(
    'journal',
    'resend',
    '--from',
    '2020-01-01T00:00Z',
    '--to',
    '2100-01-01T00:00Z',
    ...words,
  );
const read = () => consume({ bootstrap: broker.bootstrap, topics: [climate()] });

test('at-least-once: resend goes, and goes on behind it', async () => {
  const proxy = await begin('at-least-once');
  const first = await sent(proxy, 'press-01');
  await until(async () => (await read()).length === first);
  const one = await resend('--json');
  assert.equal([one.code, JSON.parse(one.output).sent], [0, first], one.complaint);
  const again = await resend('--json');
  assert.equal([again.code, JSON.parse(again.output).sent], [0, 0], again.complaint);
  const records = await read();
  assert.is(records.filter(({ headers }) => headers['hw-resent'] !== undefined).length, first);
  assert.is(records.length, 2 * first);
});

/** One of few partitions, in which an adoption's note lies beside the position. */
const positionsOfOne = () =>
  withAdmin(broker.bootstrap, (admin) =>
    admin.createTopics({
      topics: [
        {
          ...{ topic: `${site.name}.headwater.positions`, numPartitions: 1 },
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    }),
  );

test('at-least-once: a wiped journal is adopted, and the proxy goes on', async () => {
  const before = await begin('at-least-once', positionsOfOne);
  const first = await sent(before, 'press-01');
  await until(async () => (await read()).length === first);
  assert.is(await before.stop(), 0);
  await rm(join(site.folder, 'journal'), { recursive: true });
  assert.is((await headwater('proxy')).code, 1);
  const adopted = await headwater('journal', 'adopt', '--yes', '--json');
  assert.is(adopted.code, 0, adopted.complaint);
  const proxy = await start();
  const more = await sent(proxy, 'press-02');
  await until(async () => (await read()).length === first + more);
});

test('at-least-once: dead letters are sent home, and noted', async () => {
  const before = await begin('at-least-once');
  assert.is(await before.stop(), 0);
  const text = await readFile(site.config, 'utf8');
  // A topic that is missing, and no patience with it.
  const routes = `topics:\n    routes:\n      climate: ${site.prefix}late\n`;
  await writeFile(site.config, text.replace('topics:\n', routes));
  const proxy = await start('--set', 'kafka.topicGraceSeconds=0');
  const events = await sent(proxy, 'press-01');
  await until(
    async () =>
      ((await proxy.metric('headwater_lane_events_total', 'what="dead-letters"')) ?? 0) >= events,
  );
  const stay = await headwater('dlq', 'resend', '--json');
  assert.equal([stay.code, JSON.parse(stay.output).waits], [3, events], stay.complaint);
  await createTopics(broker.bootstrap, [`${site.prefix}late`], 1);
  const home = await headwater('dlq', 'resend', '--json');
  assert.equal([home.code, JSON.parse(home.output).resent], [0, events], home.complaint);
  const again = await headwater('dlq', 'resend', '--json');
  assert.equal([again.code, JSON.parse(again.output).before], [0, events], again.complaint);
  const late = await consume({ bootstrap: broker.bootstrap, topics: [`${site.prefix}late`] });
  const seqs = late.map(({ headers }) => Number(headers['hw-id']?.split('/')[1]));
  assert.equal(
    seqs,
    Array.from({ length: events }, (_, seq) => seq),
  );
});

test('exactly-once: the line says which id is to be allowed', async () => {
  const proxy = await begin('exactly-once');
  await until(() => proxy.said().length > 0);
  assert.match(
    proxy.said()[0] ?? '',
    `headwater-${site.name}-0 may not be used; allow it: kafka-acls.sh --bootstrap-server ${broker.bootstrap} ` +
      `--add --allow-principal User:NAME --operation All --transactional-id headwater-${site.name}-0`,
  );
});

test.run();

// The whole path on real parts: firmware in QuickJS, a cable that is pulled, the built proxy as a process
// that is killed, Apache Kafka, and its own Java client as the judge.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker, temporaryBroker } from '../kafka/shared-broker.js';
import { type Mote, startMote } from '../site/mote.js';
import { type Reading, readMotes } from '../site/motes.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { openRelay } from '../site/relay.js';
import { createTopics, makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { createCounter, isClean, sentence } from '../site/verdict.js';

const test = suite('the whole path');
let code = '';
let readings: Map<string, Reading[]>;

test.before(async () => {
  const file = join(projectFolder, 'examples/sensor-firmware/firmware.ts');
  code = (await buildFirmware({ entry: { file }, target: 'quickjs', minify: true })).code;
  readings = await readMotes();
});

/** `count` readings each of the four motes, `everyMs`. */
async function startMotes(port: number, count: number, everyMs: number): Promise<Mote[]> {
  const motes: Mote[] = [];
  for (const [device, all] of readings) {
    motes.push(
      await startMote({
        ...{ device, code, port, everyMs, readings: all.slice(0, count) },
        onError(error) {
          throw error;
        },
      }),
    );
  }
  return motes;
}

async function judge(bootstrap: string, site: Site, motes: readonly Mote[]): Promise<void> {
  const counter = createCounter();
  for (const record of await consume({ bootstrap, topics: [`${site.prefix}climate`] })) {
    counter.take({
      key: record.key?.toString() ?? '',
      headers: record.headers,
      value: record.value?.toString() ?? '',
    });
  }
  const verdict = counter.judge(new Map(motes.map((mote) => [mote.device, mote.sent])));
  assert.ok(isClean(verdict), sentence(verdict));
}

/** What the proxy printed at its end. */
function books(proxy: ProxyProcess) {
  const entry = proxy.log.find((line) => line.msg === 'books');
  if (entry === undefined) throw new Error('no books were printed');
  return entry.books as {
    received: number;
    committed: number;
    buffered: number;
    balanced: boolean;
  };
}

test('nothing is lost or doubled while the link is pulled and the proxy killed', async () => {
  const bootstrap = await sharedBroker();
  const site = await makeSite({ bootstrap, label: 'path' });
  await createTopics(bootstrap, [`${site.prefix}climate`]);
  let proxy: ProxyProcess | null = await startProxy(site.config);
  const relay = await openRelay(() => proxy?.tcpPort ?? null);
  const motes = await startMotes(relay.port, 600, 5);
  const sent = (count: number) => until(() => motes.every((mote) => mote.sent.size >= count));
  await sent(100);
  relay.pull();
  await sent(200);
  relay.plug();
  await sent(300);
  await proxy.kill();
  proxy = null;
  await sent(400);
  proxy = await startProxy(site.config);
  assert.equal(await Promise.all(motes.map((mote) => mote.asleep)), [true, true, true, true]);
  assert.is(await proxy.stop(), 0);
  const { received, committed, buffered, balanced } = books(proxy);
  assert.equal(
    { received, committed, buffered, balanced },
    { received: 2_400, committed: 2_400, buffered: 0, balanced: true },
  );
  await judge(bootstrap, site, motes);
  for (const mote of motes) mote.stop();
  await relay.close();
  await site.remove();
});

test('Kafka away: devices are acknowledged, and everything flows when it is back', async () => {
  const broker = await temporaryBroker();
  const site = await makeSite({ bootstrap: broker.bootstrap, label: 'away' });
  await createTopics(broker.bootstrap, [`${site.prefix}climate`]);
  const proxy = await startProxy(site.config);
  const motes = await startMotes(proxy.tcpPort, 300, 5);
  await until(() => motes.every((mote) => mote.sent.size >= 50));
  await broker.stop();
  assert.equal(await Promise.all(motes.map((mote) => mote.asleep)), [true, true, true, true]);
  const again = await broker.restart();
  await until(async () => (await proxy.metric('headwater_events_committed_total')) === 1_200);
  assert.is(await proxy.stop(), 0);
  await judge(again.bootstrap, site, motes);
  for (const mote of motes) mote.stop();
  await again.stop();
  await site.remove();
});

test('Kafka absent at the start, and a topic missing: one line each, then it flows', async () => {
  const bootstrap = await sharedBroker();
  const site = await makeSite({ bootstrap, label: 'missing' });
  const proxy = await startProxy(site.config);
  const motes = await startMotes(proxy.tcpPort, 50, 2);
  assert.equal(await Promise.all(motes.map((mote) => mote.asleep)), [true, true, true, true]);
  const topic = `${site.prefix}climate`;
  const says = () => proxy.log.filter((line) => String(line.msg).includes(topic));
  await until(() => says().length > 0);
  assert.match(String(says()[0]?.msg), /kafka-topics/);
  await createTopics(bootstrap, [topic]);
  await until(async () => (await proxy.metric('headwater_events_committed_total')) === 200);
  assert.is(says().length, 1, 'a missing topic is said once');
  assert.is(await proxy.stop(), 0);
  await judge(bootstrap, site, motes);
  for (const mote of motes) mote.stop();
  await site.remove();
});

test.run();

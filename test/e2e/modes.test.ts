// Each combination of what an ACK waits for and how a batch gets into Kafka, on real parts: the built proxy is killed while devices
// send. A reader that knows the rule of README.md for at-least-once finds the same as one of exactly-once.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { sharedBroker, temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { books } from '../site/judge.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { openRelay } from '../site/relay.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';
import { createCounter, isClean, sentence, type Verdict } from '../site/verdict.js';

const test = suite('modes');

interface Modes {
  ack: 'journal' | 'kafka';
  delivery: 'exactly-once' | 'at-least-once';
}

const devices = ['press-1', 'press-2', 'press-3'];
const combinations: Modes[] = [
  { ack: 'journal', delivery: 'exactly-once' },
  { ack: 'journal', delivery: 'at-least-once' },
  { ack: 'kafka', delivery: 'exactly-once' },
  { ack: 'kafka', delivery: 'at-least-once' },
];

/** Devices that send while the proxy is killed, `between` a kill and the next start; then everything is finished. */
async function killed(modes: Modes, between: (site: Site) => Promise<void>) {
  const bootstrap = await sharedBroker();
  const site = await makeSite({ bootstrap, label: 'modes', overrides: { ...modes } });
  const topic = `${site.prefix}climate`;
  await createTopics(bootstrap, [topic, `${site.prefix}headwater.loss`], 3);
  let proxy: ProxyProcess | null = await startProxy(site.config);
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
      proxy = await startProxy(site.config);
    }
    assert.equal(await Promise.all(sensors.map((sensor) => sensor.finish())), [true, true, true]);
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

type Killed = Awaited<ReturnType<typeof killed>>;

/** `knowing`: drops what came before, as README.md says. */
function read({ records, sent }: Pick<Killed, 'records' | 'sent'>, knowing: boolean): Verdict {
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

for (const modes of combinations) {
  const name = `ack: ${modes.ack}, delivery: ${modes.delivery}`;
  test(`${name}: the proxy is killed three times, and nothing is lost`, async () => {
    const result = await killed(modes, async () => {});
    const { received, committed, buffered, balanced } = books(result.proxy);
    const sum = [...result.sent.values()].reduce((all, { size }) => all + size, 0);
    assert.equal(
      { received, committed, buffered, balanced },
      { received: sum, committed: sum, buffered: 0, balanced: true },
    );
    const listening = result.proxy.log.find(({ msg }) => msg === 'listening');
    assert.equal({ ack: listening?.ack, delivery: listening?.delivery }, { ...modes });
    const isSaid = result.proxy.log.some(({ msg }) => /events may come again/.test(String(msg)));
    assert.is(isSaid, modes.delivery === 'at-least-once');
    const verdict = read(result, modes.delivery === 'at-least-once');
    console.log(`${name}: ${sentence(read(result, false))}`);
    assert.ok(isClean(verdict), sentence(verdict));
  });
}

for (const delivery of ['exactly-once', 'at-least-once'] as const) {
  test(`ack: kafka, delivery: ${delivery}: the journal is lost with the proxy, and no event`, async () => {
    const result = await killed({ ack: 'kafka', delivery }, (site) =>
      rm(join(site.folder, 'journal'), { recursive: true }),
    );
    console.log(`ack: kafka, ${delivery}, journal deleted: ${sentence(read(result, false))}`);
    const verdict = read(result, true);
    assert.ok(isClean(verdict), sentence(verdict));
    const said = result.proxy.said();
    assert.is(said.length, 1, said.join(' | '));
    assert.match(said[0]!, /goes on in its place/);
  });
}

test('ack: kafka: Kafka is suspended for longer than a device waits: it keeps its events, and sends none again', async () => {
  const broker = await temporaryBroker();
  const { bootstrap } = broker;
  const site = await makeSite({ bootstrap, label: 'modes', overrides: { ack: 'kafka' } });
  const topic = `${site.prefix}climate`;
  await createTopics(bootstrap, [topic, `${site.prefix}headwater.loss`], 3);
  const proxy = await startProxy(site.config);
  const { tcpPort: port } = proxy;
  const sensor = await startSensor({ port, device: 'press-1', everyMs: 50, bufferBytes: 16_384 });
  const few = await startSensor({ port, device: 'press-2', everyMs: 10, bufferBytes: 512 });
  await until(() => sensor.acknowledged() > 10 && few.acknowledged() > 10);
  await broker.kill('SIGSTOP');
  await until(() => sensor.sent.size - sensor.acknowledged() > 160);
  // All that it holds is here, and not acknowledged.
  const acknowledged = sensor.acknowledged();
  await broker.kill('SIGCONT');
  await until(() => sensor.acknowledged() > acknowledged + 160);
  assert.equal(await Promise.all([sensor.finish(), few.finish()]), [true, true]);
  assert.is(await proxy.metric('headwater_events_resent_total'), 0);
  assert.is(await proxy.stop(), 0);
  const records = await consume({ bootstrap, topics: [topic] });
  const count = (device: string) => records.filter(({ key }) => String(key) === device).length;
  assert.is(count('press-1'), sensor.sent.size);
  // What it had no more room for was in the journal: within its credit it goes on sending.
  assert.is(count('press-2'), few.sent.size);
  for (const one of [sensor, few]) one.stop();
  await site.remove();
  await broker.kill('SIGKILL');
});

test.run();

// Each combination of what an ACK waits for and how a batch gets into Kafka, on real parts: the built proxy is killed while devices
// send. A reader that knows the rule of README.md for at-least-once finds the same as one of exactly-once.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from '../kafka/read-back.js';
import { temporaryBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { books } from '../site/judge.js';
import { killed, type Modes, read } from '../site/killed.js';
import { startProxy } from '../site/proxy-process.js';
import { startSensor } from '../site/sensor.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';
import { isClean, sentence } from '../site/verdict.js';

const test = suite('modes');

const combinations: Modes[] = [
  { ack: 'journal', delivery: 'exactly-once' },
  { ack: 'journal', delivery: 'at-least-once' },
  { ack: 'kafka', delivery: 'exactly-once' },
  { ack: 'kafka', delivery: 'at-least-once' },
];

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

import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { consume } from './read-back.js';
import { sharedBroker } from './shared-broker.js';
import { createTopics } from './topics.js';

const run = randomBytes(4).toString('hex');

test('a record comes back with key, value, headers and time', async () => {
  const bootstrap = await sharedBroker();
  const topic = `broker-${run}`;
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  await createTopics(bootstrap, [topic], 2);
  const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [value, end] of [
    ['kept', 'commit'],
    ['dropped', 'abort'],
    ['last', 'commit'],
  ] as const) {
    const transaction = await producer.transaction();
    const headers = { 'hw-id': '1.2', '=,\t': '=,\t' };
    const messages = [{ partition: 1, key: 'd', value, headers, timestamp: '1700000000123' }];
    await transaction.send({ topic, messages });
    await transaction[end]();
  }
  await producer.disconnect();

  const committed = await consume({ bootstrap, topics: [`broker-${run}*`] });
  assert.equal(
    committed.map(({ value }) => String(value)),
    ['kept', 'last'],
  );
  const first = committed[0];
  assert.equal(
    { ...first, key: String(first?.key), value: String(first?.value) },
    {
      topic,
      partition: 1,
      offset: 0,
      timestampMs: 1700000000123,
      key: 'd',
      value: 'kept',
      headers: { 'hw-id': '1.2', '=,\t': '=,\t' },
    },
  );
  const all = await consume({ bootstrap, topics: [topic], isolation: 'read_uncommitted' });
  assert.is(all.length, 3);
});

test.run();

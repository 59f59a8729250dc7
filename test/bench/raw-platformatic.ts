// Bare @platformatic/kafka, as its documentation has it, from prepared buffers. On a Node that it takes.

import { Producer } from '@platformatic/kafka';
import { brokers, isExact, position, positions, rawRecords, runRaw, topic } from './raw.js';

const producer = new Producer({
  clientId: 'raw',
  bootstrapBrokers: brokers,
  idempotent: true,
  autocreateTopics: false,
  // Its default of 1 s is what most transactions of one id then take.
  retryDelay: 5,
  retries: 100,
  ...(isExact ? { transactionalId: `raw-${topic}` } : {}),
});
const [idHeader, timeHeader, synced] = ['hw-id', 'hw-time', 'synced'].map((text) =>
  Buffer.from(text),
);
const messages = rawRecords().map(({ timestampMs, id, ...rest }) => ({
  ...{ ...rest, topic, timestamp: BigInt(timestampMs) },
  headers: new Map([
    [idHeader!, Buffer.from(id)],
    [timeHeader!, synced!],
  ]),
}));
const own = {
  ...{ topic: positions, partition: 0 },
  ...{ key: Buffer.from(position.key), value: Buffer.from(position.value) },
};

await runRaw(async (from, to) => {
  const part = messages.slice(from, to);
  if (!isExact) return producer.send({ messages: part, acks: -1 });
  const transaction = await producer.beginTransaction();
  await transaction.send({ messages: [...part, own], acks: -1 });
  await transaction.commit();
});

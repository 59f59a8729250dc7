// Bare kafkajs, as its documentation has it, from prepared buffers.

import { Kafka, logLevel } from 'kafkajs';
import { brokers, isExact, position, positions, rawRecords, runRaw, topic } from './raw.js';

const kafka = new Kafka({
  clientId: 'raw',
  brokers,
  logLevel: logLevel.NOTHING,
  // With its default of 300 ms a transaction waits that long for the one before.
  retry: { initialRetryTime: 5, retries: 100 },
});
const producer = kafka.producer({
  maxInFlightRequests: 1,
  idempotent: true,
  allowAutoTopicCreation: false,
  // Its own is slow, and each message says its partition.
  createPartitioner:
    () =>
    ({ message }) =>
      message.partition ?? 0,
  ...(isExact ? { transactionalId: `raw-${topic}` } : {}),
});
const messages = rawRecords().map(({ timestampMs, id, ...rest }) => ({
  ...rest,
  timestamp: String(timestampMs),
  headers: { 'hw-id': Buffer.from(id), 'hw-time': Buffer.from('synced') },
}));

await producer.connect();
await runRaw(async (from, to) => {
  const part = { topic, messages: messages.slice(from, to) };
  if (!isExact) return producer.send({ ...part, acks: -1 });
  const transaction = await producer.transaction();
  const own = { topic: positions, messages: [{ ...position, partition: 0 }] };
  await transaction.sendBatch({ topicMessages: [part, own], acks: -1 });
  await transaction.commit();
});

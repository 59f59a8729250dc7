// The reference beside the proxy's figures: bare kafkajs in a process of its own, sending the same records to the same broker from prepared
// buffers: `node raw-kafkajs.js BOOTSTRAP TOPIC exactly-once|idempotent RECORDS DEVICES SIZE`, SIZE records a transaction or a request.
// Says 'ready', begins at a message, says what it took.

import { Kafka, logLevel, type Message } from 'kafkajs';
import { partitionOf } from '../../proxy/kafka/partition.js';

export type RawMessage =
  | { kind: 'ready' }
  | { kind: 'done'; records: number; ms: number; cpuMs: number };

const [bootstrap = '', topic = '', mode = '', ...numbers] = process.argv.slice(2);
const [records = 0, deviceCount = 1, size = 1] = numbers.map(Number);
const partitions = 4;
const say = (message: RawMessage) => process.send?.(message);

const kafka = new Kafka({
  clientId: 'raw',
  brokers: bootstrap.split(','),
  logLevel: logLevel.NOTHING,
  // As FACTS of kafkajs have it: with its default of 300 ms a transaction waits that long for the one before.
  retry: { initialRetryTime: 5, retries: 100 },
});
const isExact = mode === 'exactly-once';
const producer = kafka.producer({
  maxInFlightRequests: 1,
  idempotent: true,
  allowAutoTopicCreation: false,
  createPartitioner:
    () =>
    ({ message }) =>
      message.partition ?? 0,
  ...(isExact ? { transactionalId: `raw-${topic}` } : {}),
});

/** Blocks of 20 of each device in turn, as they come through a proxy. */
function messages(): Message[] {
  const keys = Array.from({ length: deviceCount }, (_, n) => Buffer.from(`press-${n}`));
  const nowMs = Date.now();
  return Array.from({ length: records }, (_, n) => {
    const block = Math.floor(n / 20);
    const key = keys[block % deviceCount]!;
    const seq = Math.floor(block / deviceCount) * 20 + (n % 20);
    const step = seq % 11;
    const value = { t: 21.5 + step / 100, rh: 40.25 + step / 50, mbar: 1013.2 + step / 10 };
    return {
      key,
      value: Buffer.from(JSON.stringify(value)),
      partition: partitionOf(key, partitions),
      timestamp: String(nowMs + seq),
      headers: { 'hw-id': Buffer.from(`7/${seq}`), 'hw-time': Buffer.from('synced') },
    };
  });
}

await producer.connect();
const all = messages();
const position = { key: 'position/0', value: JSON.stringify({ offset: 1 << 30, check: 1 << 30 }) };

async function send(from: number, to: number): Promise<void> {
  const part = { topic, messages: all.slice(from, to) };
  if (!isExact) {
    await producer.send({ ...part, acks: -1 });
    return;
  }
  const transaction = await producer.transaction();
  const own = { topic: `${topic}.positions`, messages: [{ ...position, partition: 0 }] };
  await transaction.sendBatch({ topicMessages: [part, own], acks: -1 });
  await transaction.commit();
}

// The first ones warm the code up, as the proxy's is.
const warm = Math.min(5 * size, Math.floor(records / 4));
for (let at = 0; at < warm; at += size) await send(at, Math.min(at + size, warm));
process.once('message', async () => {
  const begin = performance.now();
  const cpu = process.cpuUsage();
  for (let at = warm; at < records; at += size) await send(at, Math.min(at + size, records));
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  say({ kind: 'done', records: records - warm, ms, cpuMs: (user + system) / 1000 });
});
process.once('disconnect', () => process.exit(0));
say({ kind: 'ready' });

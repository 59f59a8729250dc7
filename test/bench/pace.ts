// A process of its own that plays devices at a rate, whatever the answers do: `node pace.js PORT DEVICES BLOCK RATE SECONDS [BOOTSTRAP TOPIC]`.
// Says 'ready' when they are connected, begins at a message, and says at the end how long its blocks took to their ACK and, where a topic
// is named, to a consumer that reads what is committed.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { LoadDevice } from './load-device.js';

export type PaceMessage =
  | { kind: 'ready' }
  | {
      kind: 'done';
      /** ms, one per block. */
      ackMs: number[];
      committedMs: number[];
      /** Blocks that could not go in time, since the device had no credit. */
      late: number;
    };

const [port = 0, deviceCount = 0, blockEvents = 0, rate = 0, seconds = 0] = process.argv
  .slice(2, 7)
  .map(Number);
const [bootstrap, topic] = process.argv.slice(7);
const say = (message: PaceMessage) => process.send?.(message);
process.once('disconnect', () => process.exit(0));

const devices: LoadDevice[] = [];
for (let n = 0; n < deviceCount; n++) devices.push(await LoadDevice.open(port, `pace-${n}`));

/** When the block was sent that ends with this event. */
const sentMs = new Map<string, number>();
const committedMs: number[] = [];
let isWarm = false;
async function readCommitted(brokers: string, from: string): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `pace-${process.pid}-${Date.now()}`,
    maxWaitTimeInMs: 50,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [from], fromBeginning: true });
  const joined = new Promise<void>((resolve) =>
    consumer.on('consumer.group_join', () => resolve()),
  );
  await consumer.run({
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      const now = performance.now();
      for (const { key, headers } of batch.messages) {
        const id = `${key} ${headers?.['hw-id']}`;
        const atMs = sentMs.get(id);
        if (atMs === undefined) continue;
        sentMs.delete(id);
        if (isWarm) committedMs.push(now - atMs);
      }
    },
  });
  await joined;
}
if (bootstrap !== undefined && topic !== undefined) await readCommitted(bootstrap, topic);

const ackMs: number[] = [];
for (const device of devices) {
  device.onAck = (ms) => {
    if (isWarm) ackMs.push(ms);
  };
}
const go = once(process, 'message');
say({ kind: 'ready' });
await go;

const blocksPerSecond = rate / blockEvents;
const warmSeconds = 3;
const begin = performance.now();
let late = 0;
for (let sent = 0; sent < (seconds + warmSeconds) * blocksPerSecond; ) {
  const dueMs = begin + (sent / blocksPerSecond) * 1000;
  const waitMs = dueMs - performance.now();
  if (waitMs > 0) {
    await sleep(Math.max(1, waitMs));
    continue;
  }
  isWarm = sent / blocksPerSecond > warmSeconds;
  const device = devices[sent % deviceCount]!;
  if (device.credit < blockEvents) late++;
  device.block(blockEvents);
  if (topic !== undefined) {
    sentMs.set(`${device.name} ${device.boot}/${device.sent - 1}`, performance.now());
  }
  sent++;
}
await Promise.all(devices.map((device) => device.settled()));
const deadline = performance.now() + 10_000;
while (topic !== undefined && sentMs.size > 0 && performance.now() < deadline) await sleep(20);
say({ kind: 'done', ackMs, committedMs, late });

// A process of its own that plays devices at a rate, whatever the answers do: `node pace.js PORT DEVICES BLOCK RATE SECONDS [BOOTSTRAP TOPIC]`.
// Says 'ready' when they are connected, begins at a message, and says at the end how long its blocks took to their ACK and, where a topic
// is named, to a consumer that reads what is committed.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import {
  type Broker,
  type FetchedMessage,
  isolation,
  withoutAborted,
} from '../../proxy/kafka/broker.js';
import { createSockets, openCluster } from '../../proxy/kafka/kafkajs-internals.js';
import { LoadDevice } from './load-device.js';

export type PaceMessage =
  | { kind: 'ready' }
  | {
      kind: 'done';
      /** ms, one per block. */
      ackMs: number[];
      committedMs: number[];
      /** Events, by device. */
      sent: [device: string, events: number][];
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

const fetchBytes = 4 << 20;
/** When the block was sent that ends with this event. */
const sentMs = new Map<string, number>();
const committedMs: number[] = [];
let isWarm = false;
/** Fetches one after the other, as soon as there is something: kafkajs's own consumer takes 24 ms, and 50 at p99, to hand a record on. */
async function readCommitted(brokers: string, from: string): Promise<void> {
  const socketFactory = createSockets(() => {}).factory;
  const config = {
    ...{ brokers: brokers.split(','), logLevel: logLevel.NOTHING, socketFactory },
    ...{ connectionTimeout: 5_000, requestTimeout: 30_000 },
  };
  const cluster = openCluster(new Kafka(config), config);
  await cluster.connect();
  await cluster.addTargetTopic(from);
  const leaders = new Map<number, Map<number, bigint>>();
  for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(from)) {
    const places = leaders.get(leader) ?? new Map<number, bigint>();
    leaders.set(leader, places.set(partitionId, 0n));
  }
  for (const [nodeId, places] of leaders) {
    void follow(await cluster.findBroker({ nodeId }), from, places);
  }
}

async function follow(leader: Broker, from: string, places: Map<number, bigint>): Promise<void> {
  for (;;) {
    const partitions = [...places].map(([partition, offset]) => {
      return { partition, fetchOffset: String(offset), maxBytes: fetchBytes };
    });
    const answer = await leader.fetch({
      ...{ replicaId: -1, isolationLevel: isolation.readCommitted, maxWaitTime: 1_000 },
      ...{ maxBytes: fetchBytes, topics: [{ topic: from, partitions }] },
    });
    const now = performance.now();
    for (const fetched of answer.responses[0]?.partitions ?? []) {
      const { partition } = fetched as typeof fetched & { partition: number };
      for (const message of withoutAborted(fetched)) arrived(message, now);
      const last = fetched.messages.at(-1);
      if (last !== undefined) places.set(partition, BigInt(last.offset) + 1n);
    }
  }
}

function arrived({ key, headers }: FetchedMessage, now: number): void {
  const id = `${key} ${headers?.['hw-id']}`;
  const atMs = sentMs.get(id);
  if (atMs === undefined) return;
  sentMs.delete(id);
  if (isWarm) committedMs.push(now - atMs);
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
const sentBy = devices.map(({ name, sent }): [string, number] => [name, sent]);
say({ kind: 'done', ackMs, committedMs, sent: sentBy, late });

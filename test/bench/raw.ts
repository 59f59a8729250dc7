// What the bare clients share that a proxy is measured beside: the records that come out of it, prepared, and when they are sent. A child says
// 'ready', begins at a message, and says what it took.

import { once } from 'node:events';
import { partitionOf } from '../../proxy/kafka/partition.js';

export type RawMessage =
  | { kind: 'ready' }
  | { kind: 'done'; records: number; ms: number; cpuMs: number };

/** `node FILE BOOTSTRAP TOPIC exactly-once|idempotent RECORDS DEVICES SIZE`, SIZE records a transaction or a request. */
const [first = '', topicGiven = '', modeGiven = '', ...numbers] = process.argv.slice(2);
const [count = 0, deviceCount = 1, size = 1] = numbers.map(Number);
export const brokers = first.split(',');
export const topic = topicGiven;
export const isExact = modeGiven === 'exactly-once';
export const positions = `${topic}.positions`;
export const position = {
  key: 'position/0',
  value: JSON.stringify({ offset: 1 << 30, check: 1 << 30 }),
};

const partitions = 4;
const blockEvents = 20;

export interface RawRecord {
  key: Buffer;
  value: Buffer;
  partition: number;
  timestampMs: number;
  id: string;
}

/** Blocks of each device in turn, as they come through a proxy. */
export function rawRecords(): RawRecord[] {
  const keys = Array.from({ length: deviceCount }, (_, n) => Buffer.from(`press-${n}`));
  const nowMs = Date.now();
  return Array.from({ length: count }, (_, n) => {
    const block = Math.floor(n / blockEvents);
    const key = keys[block % deviceCount]!;
    const seq = Math.floor(block / deviceCount) * blockEvents + (n % blockEvents);
    const step = seq % 11;
    const value = { t: 21.5 + step / 100, rh: 40.25 + step / 50, mbar: 1013.2 + step / 10 };
    return {
      ...{ key, value: Buffer.from(JSON.stringify(value)), timestampMs: nowMs + seq },
      ...{ partition: partitionOf(key, partitions), id: `7/${seq}` },
    };
  });
}

export async function runRaw(send: (from: number, to: number) => Promise<unknown>): Promise<void> {
  const say = (message: RawMessage) => process.send?.(message);
  process.once('disconnect', () => process.exit(0));
  const sendAll = async (from: number, to: number) => {
    for (let at = from; at < to; at += size) await send(at, Math.min(at + size, to));
  };
  // The first ones warm the code up, as the proxy's is.
  const warm = Math.floor(count / 5);
  await sendAll(0, warm);
  const go = once(process, 'message');
  say({ kind: 'ready' });
  await go;
  const begin = performance.now();
  const cpu = process.cpuUsage();
  await sendAll(warm, count);
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  say({ kind: 'done', records: count - warm, ms, cpuMs: (user + system) / 1000 });
}

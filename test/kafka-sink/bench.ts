// What the tests of the clients' hazards share: a site of their own on a broker, sinks that start as a lane's do, and what is in Kafka.

import { randomBytes } from 'node:crypto';
import type { Position } from '../../proxy/journal/record.js';
import { createKafkajsSink, type SinkOptions } from '../../proxy/kafka/kafkajs-sink.js';
import { partitionOf } from '../../proxy/kafka/partition.js';
import { type KafkaSink, SinkError, type SinkRecord } from '../../proxy/kafka/sink.js';
import { consume } from '../kafka/read-back.js';
import type { CreateSink } from './world.js';

export interface Bench {
  site: string;
  topic: string;
  open(more?: Partial<SinkOptions>): KafkaSink;
  /** Read and fenced. */
  started(more?: Partial<SinkOptions>): Promise<KafkaSink>;
  event(value: string, device?: string): SinkRecord;
  /** Values in the order of their partitions, the first partition first. */
  committed(): Promise<string[]>;
}

const journal = 'ab'.repeat(16);

/** The position after the n-th record. */
export function at(n: number): Position {
  return { lane: 0, journal, generation: 1, offset: n, end: n + 1, check: n };
}

/** `bootstrap`: where the topic is read back; `port`: where sinks go. */
export function openBench(
  bootstrap: string,
  port: number,
  createSink: CreateSink = createKafkajsSink,
): Bench {
  const site = `h${randomBytes(4).toString('hex')}`;
  const topic = `${site}.events`;
  const open = (more = {}) =>
    createSink({ site, lane: 0, brokers: [`127.0.0.1:${port}`], ...more });
  return {
    site,
    topic,
    open,
    async started(more) {
      for (let tries = 0; ; tries++) {
        const sink = open(more);
        try {
          await sink.read();
          await sink.fence({ lane: 0, owner: 'one', journal, host: 'test' });
          return sink;
        } catch (error) {
          await sink.close();
          if (!(error instanceof SinkError && error.kind === 'unreachable') || tries === 20)
            throw error;
        }
      }
    },
    event: (value, device = 'press-07') => ({
      ...{ topic, timestampMs: Date.now(), headers: {} },
      ...{ key: Buffer.from(device), value: Buffer.from(value) },
    }),
    async committed() {
      const records = await consume({ bootstrap, topics: [topic] });
      const sorted = [...records].sort((a, b) => a.partition - b.partition);
      return sorted.map(({ value }) => String(value));
    },
  };
}

/** A device whose records lie in that partition. */
export function deviceOf(partition: number, partitions: number): string {
  for (let n = 0; ; n++) {
    if (partitionOf(Buffer.from(`press-${n}`), partitions) === partition) return `press-${n}`;
  }
}

export async function failure(promise: Promise<unknown>): Promise<SinkError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SinkError) return error;
    throw error;
  }
  throw new Error('should have failed');
}

// A TCP proxy in front of a real broker that reads the heads of Kafka's requests and lets a test decide about each one: to let it pass, to
// lose it, or to answer in the broker's place; and about each answer: to lose it, to hold it, or to change it. More than detour.ts can,
// which loses and holds.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { lengthBytes, onFrame } from './frames.js';

export interface KafkaRequest {
  /** Kafka's number of it: `apis`. */
  api: number;
  version: number;
  /** All behind the length. */
  frame: Buffer;
  /** All behind the head, whose last part is the client's name. */
  body: Buffer;
}

export const apis = {
  produce: 0,
  metadata: 3,
  apiVersions: 18,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  endTxn: 26,
} as const;

export const errorCodes = {
  notLeader: 6,
  notCoordinator: 16,
  topicForbidden: 29,
  concurrentTransactions: 51,
} as const;

export interface LinkRules {
  /** `lose`, or the body of an answer that the broker never gave, at once or later; otherwise it passes. */
  request?(request: KafkaRequest): 'lose' | Buffer | Promise<Buffer> | undefined;
  /** The body that goes on, at once or later; `lose`: none does. What is behind it on its connection waits. */
  answer?(request: KafkaRequest, body: Buffer): 'lose' | Buffer | Promise<Buffer>;
}

export interface BrokerLink {
  /** From now on. */
  rules: LinkRules;
  /** Every request that came, by its number. */
  count(api: number): number;
  close(): Promise<void>;
}

/** `way`: a broker's `detour`. */
export async function openBrokerLink(way: { from: number; to: number }): Promise<BrokerLink> {
  const sockets = new Set<Socket>();
  const counts = new Map<number, number>();
  const link = { rules: {} as LinkRules };
  const server = createServer((client) => {
    const broker = connect(way.to, '127.0.0.1');
    const open = new Map<number, KafkaRequest>();
    let answers = Promise.resolve();
    const answer = (correlation: number, body: () => 'lose' | Buffer | Promise<Buffer>) => {
      answers = answers.then(async () => {
        const given = await body();
        if (given !== 'lose') client.write(framed(correlation, given));
      });
    };
    for (const socket of [client, broker]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('close', () => broker.destroy());
    broker.on('close', () => client.destroy());
    onFrame(client, (whole) => {
      const frame = whole.subarray(lengthBytes);
      const request = parse(frame);
      counts.set(request.api, (counts.get(request.api) ?? 0) + 1);
      const correlation = frame.readInt32BE(4);
      const verdict = link.rules.request?.(request);
      if (verdict === 'lose') return;
      if (verdict !== undefined) {
        answer(correlation, () => verdict);
        return;
      }
      open.set(correlation, request);
      broker.write(Buffer.concat([int32(frame.length), frame]));
    });
    onFrame(broker, (whole) => {
      const frame = whole.subarray(lengthBytes);
      const correlation = frame.readInt32BE(0);
      const request = open.get(correlation);
      open.delete(correlation);
      const body = Buffer.from(frame.subarray(4));
      answer(correlation, () => {
        return (request && link.rules.answer?.(request, body)) ?? body;
      });
    });
  });
  server.listen(way.from, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(link, {
    count: (api: number) => counts.get(api) ?? 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

/** The answer to EndTxn (26) of kafkajs: no throttling, and an error. */
export function endTxnError(code: number): Buffer {
  return Buffer.concat([int32(0), int16(code)]);
}

/** The answer to Produce, versions 5 to 7: the error for each of its partitions. */
export function produceError({ body }: KafkaRequest, code: number): Buffer {
  const partitions = producedTo(body);
  const topics = new Map<string, number[]>();
  for (const [topic, partition] of partitions) {
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  const parts = [int32(topics.size)];
  for (const [topic, list] of topics) {
    parts.push(int16(Buffer.byteLength(topic)), Buffer.from(topic), int32(list.length));
    // No base offset, no time, no start offset.
    for (const one of list) parts.push(int32(one), int16(code), Buffer.alloc(24, 0xff));
  }
  return Buffer.concat([...parts, int32(0)]);
}

/** Topic and partition of each record set in the body of a Produce request, version 3 to 8. */
export function producedTo(body: Buffer): [topic: string, partition: number][] {
  const found: [string, number][] = [];
  let at = 2 + Math.max(0, body.readInt16BE(0)) + 6;
  const int = () => {
    at += 4;
    return body.readInt32BE(at - 4);
  };
  for (let topics = int(); topics > 0; topics--) {
    const length = body.readInt16BE(at);
    const topic = body.toString('utf8', at + 2, at + 2 + length);
    at += 2 + length;
    for (let partitions = int(); partitions > 0; partitions--) {
      found.push([topic, int()]);
      const records = int();
      at += records;
    }
  }
  return found;
}

function parse(frame: Buffer): KafkaRequest {
  const name = Math.max(0, frame.readInt16BE(8));
  const body = frame.subarray(10 + name);
  return { api: frame.readInt16BE(0), version: frame.readInt16BE(2), frame, body };
}

function framed(correlation: number, body: Buffer): Buffer {
  return Buffer.concat([int32(4 + body.length), int32(correlation), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

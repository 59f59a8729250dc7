// sink → kafka: what kafkajs does with records between `sendBatch` and the socket, replaced where a profile found most of an event's cost
// (docs/PERFORMANCE.md): its encoder makes four buffers a record, and its grouping copies a partition's list for each of them.
// Everything else of a produce request (leaders, sequences, time-outs, answers) stays kafkajs's own.

import { createRequire } from 'node:module';
import type { Message, TopicMessages } from 'kafkajs';
import type { Compression } from './compression.js';
import { encodeRecordBatch } from './record-batch.js';

interface Request {
  apiVersion: number;
  encode(): Promise<KafkajsEncoder>;
}

interface ProduceRequest {
  acks: number;
  timeout: number;
  transactionalId?: string | null;
  producerId: { toString(): string };
  producerEpoch: number;
  topicData: {
    topic: string;
    partitions: { partition: number; firstSequence: number; messages: MessageList }[];
  }[];
}

interface KafkajsEncoder {
  buf: Buffer;
  offset: number;
  writeString(text: string | null | undefined): KafkajsEncoder;
  writeInt16(value: number): KafkajsEncoder;
  writeInt32(value: number): KafkajsEncoder;
  writeBuffer(bytes: Uint8Array): KafkajsEncoder;
}

type Make = (request: ProduceRequest) => { request: Request; response: unknown };

const require = createRequire(import.meta.url);
const Encoder = require('kafkajs/src/protocol/encoder') as new (bytes?: number) => KafkajsEncoder;
const { Produce } = require('kafkajs/src/protocol/requests').requests as {
  Produce: { protocol(which: { version: number }): Make };
};
export const crc32c = require('kafkajs/src/protocol/recordBatch/crc32C') as (
  bytes: Uint8Array,
) => number;
/** Records of magic 2 came with it. */
const leastVersion = 3;

const produceOf = Produce.protocol;
Produce.protocol = (which) => {
  const make = produceOf(which);
  if (which.version < leastVersion) return make;
  return (asked) => {
    const { request, response } = make(asked);
    return { request: Object.assign(request, { encode: () => encode(asked) }), response };
  };
};

/** Produce, versions 3 to 7: transactional_id acks timeout [topic [partition records]] */
async function encode(request: ProduceRequest): Promise<KafkajsEncoder> {
  const { acks, timeout, topicData, transactionalId = null } = request;
  const encoder = new Encoder().writeString(transactionalId).writeInt16(acks).writeInt32(timeout);
  encoder.writeInt32(topicData.length);
  for (const { topic, partitions } of topicData) {
    encoder.writeString(topic).writeInt32(partitions.length);
    for (const { partition, messages, firstSequence } of partitions) {
      const batch = await encodeRecordBatch(messages, {
        isTransactional: transactionalId !== null,
        producerId: BigInt(request.producerId.toString()),
        producerEpoch: request.producerEpoch,
        firstSequence,
        crc32c,
        compression: messages.compression ?? null,
      });
      encoder.writeInt32(partition).writeInt32(batch.length).writeBuffer(batch);
    }
  }
  return encoder;
}

/** Messages that say their partition, as `sendBatch` takes them: kafkajs asks a list to reduce itself to lists by partition. */
export interface Grouped extends TopicMessages {
  partitions: number[];
}

/** Those of one partition. kafkajs compresses all of a request alike, and hands these lists on as they are. */
interface MessageList extends Array<Message> {
  compression?: Compression | null;
}

export function grouped(
  { topic, messages }: TopicMessages,
  compression: Compression | null = null,
): Grouped {
  const lists: Record<number, MessageList> = {};
  for (const message of messages) {
    const { partition = 0 } = message;
    const list = lists[partition];
    if (list === undefined) lists[partition] = Object.assign([message], { compression });
    else list.push(message);
  }
  const partitions = Object.keys(lists).map(Number);
  return { topic, messages: Object.assign([...messages], { reduce: () => lists }), partitions };
}

import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32c, grouped } from '../../proxy/kafka/kafkajs-produce.js';
import { encodeRecordBatch } from '../../proxy/kafka/record-batch.js';
import { Random } from '../random.js';

// kafkajs's own encoder is the oracle: whatever it writes for a list of messages, we write.

interface KafkajsBatch {
  buffer: Buffer;
}
const require = createRequire(import.meta.url);
const recordOf = require('kafkajs/src/protocol/recordBatch/record/v0') as (
  fields: Message & { offsetDelta: number; timestampDelta: number },
) => unknown;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(fields: Record<string, unknown>): Promise<KafkajsBatch>;
};

const producerId = 123_456_789_012n;

async function byKafkajs(messages: readonly Message[], isTransactional: boolean): Promise<Buffer> {
  const times = messages.map(({ timestamp }) => Number(timestamp)).sort((a, b) => a - b);
  const [firstTimestamp = 0] = times;
  const batch = await RecordBatch({
    ...{ firstTimestamp, maxTimestamp: times.at(-1), transactional: isTransactional },
    ...{ producerId: String(producerId), producerEpoch: 3, firstSequence: 77 },
    lastOffsetDelta: messages.length - 1,
    records: messages.map((message, at) => {
      const timestampDelta = Number(message.timestamp) - firstTimestamp;
      return recordOf({ ...message, offsetDelta: at, timestampDelta });
    }),
  });
  return batch.buffer;
}

async function byUs(messages: readonly Message[], isTransactional: boolean): Promise<Buffer> {
  const batch = { producerId, producerEpoch: 3, firstSequence: 77, crc32c, compression: null };
  return Buffer.from(await encodeRecordBatch(messages, { ...batch, isTransactional }));
}

const texts = ['', 'a', 'hw-id', '7/123456', 'Prüfstand', '温度', '\u{1f321}', 'x'.repeat(200)];

function bytesOf(random: Random): Buffer {
  const length = random.pick([0, 1, 63, 64, 127, 128, 8_191, 8_192, 70_000]);
  return Buffer.alloc(length, random.below(256));
}

function messageOf(random: Random): Message {
  const headers: Record<string, string | Buffer | (string | Buffer)[]> = {};
  for (let left = random.below(4); left > 0; left--) {
    const value = () => (random.below(2) === 0 ? random.pick(texts) : bytesOf(random));
    const isList = random.below(4) === 0;
    headers[`${random.pick(texts)}${left}`] = isList ? [value(), value()] : value();
  }
  return {
    key: random.pick([null, random.pick(texts), bytesOf(random)]),
    value: random.pick([null, random.pick(texts), bytesOf(random)]),
    // Of a device that kept its events for years beside one of now.
    timestamp: String(1_700_000_000_000 - random.pick([0, 1, 63, 64, 1e6, 2 ** 31, 2 ** 32, 1e11])),
    ...(random.below(8) === 0 ? {} : { headers }),
  };
}

const test = suite('record batch');

test('what kafkajs writes is what we write, byte for byte', async () => {
  const random = new Random(1);
  for (let round = 0; round < 60; round++) {
    const messages = Array.from({ length: random.pick([1, 2, 70]) }, () => messageOf(random));
    for (const isTransactional of [false, true]) {
      const ours = await byUs(messages, isTransactional);
      assert.ok(ours.equals(await byKafkajs(messages, isTransactional)), `round ${round}`);
    }
  }
});

test('a batch whose length was guessed too small grows', async () => {
  const messages = [1, 2, 3].map((n) => ({
    value: Buffer.alloc(n * 100_000, n),
    timestamp: '1700000000000',
  }));
  assert.ok((await byUs(messages, true)).equals(await byKafkajs(messages, true)));
});

test('a few records are not compressed: each batch says for itself whether it is', async () => {
  const compressed: number[] = [];
  const compression = {
    bits: 1,
    async compress(bytes: Uint8Array) {
      compressed.push(bytes.length);
      return Buffer.from('small');
    },
  };
  const encode = (count: number) => {
    const messages = Array.from({ length: count }, () => ({ value: 'x'.repeat(100) }));
    const batch = { producerId, producerEpoch: 3, firstSequence: 0, isTransactional: false };
    return encodeRecordBatch(messages, { ...batch, compression, crc32c });
  };
  const bitsOf = (bytes: Uint8Array) => Buffer.from(bytes).readInt16BE(21);
  assert.is(bitsOf(await encode(5)), 0);
  assert.equal(compressed, []);
  const many = await encode(20);
  assert.is(bitsOf(many), 1);
  assert.is(compressed.length, 1);
  assert.ok(Buffer.from(many).subarray(61).equals(Buffer.from('small')));
});

test('a list reduces itself to lists by partition, in its order', () => {
  const messages = [2, 0, 2, 1, 0].map((partition, at) => ({ partition, value: `${at}` }));
  const { messages: list, partitions } = grouped({ topic: 'a', messages });
  const lists = (list as unknown as { reduce(): Record<number, Message[]> }).reduce();
  const values = Object.entries(lists).map(([partition, some]) => [
    Number(partition),
    some.map(({ value }) => value),
  ]);
  assert.equal(values, [
    [0, ['1', '4']],
    [1, ['3']],
    [2, ['0', '2']],
  ]);
  assert.equal(partitions, [0, 1, 2]);
});

test.run();

import { Partitioners } from 'kafkajs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { murmur2, partitionOf } from '../../../proxy/kafka/partition.js';

test("murmur2 as in Kafka's own UtilsTest", () => {
  const expected: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [text, hash] of expected) assert.is(murmur2(Buffer.from(text)), hash, text);
});

test('the same partition as another client of Kafka', () => {
  const other = Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => {
    return {
      partitionId,
      partitionErrorCode: 0,
      leader: 1,
      replicas: [],
      isr: [],
      offlineReplicas: [],
    };
  });
  for (let n = 0; n < 500; n++) {
    const key = Buffer.from(`gerät-${'x'.repeat(n % 9)}${n}`);
    const message = { key, value: null };
    assert.is(partitionOf(key, 7), other({ topic: 't', partitionMetadata, message }));
  }
});

test.run();

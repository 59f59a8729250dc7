// What is compressed is read back by Apache Kafka's own client, and is smaller: a suite for each client.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Codec, codecs, type KafkaConfig } from '../../proxy/config.js';
import { openCompression } from '../../proxy/kafka/compression.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker } from '../kafka/shared-broker.js';
import { createTopics } from '../kafka/topics.js';
import { at, openBench } from './bench.js';
import type { CreateSink } from './world.js';

const hasZstd = 'zstdCompress' in (await import('node:zlib'));

export function compressionSuite(client: string, create: CreateSink): void {
  const test = suite(`compression, ${client}`);

  for (const codec of codecs) {
    if (codec === 'zstd' && !hasZstd) {
      console.log(`skipped: zstd on ${client}: Node ${process.versions.node} has none`);
      continue;
    }
    test(`${codec}: Kafka's own client reads what was sent, in its order`, async () => {
      const bench = await openSite(create);
      const sink = await bench.started({ compression: await compressing(codec) });
      const values = Array.from({ length: 300 }, (_, n) => `{"t":21.5,"rh":40.25,"n":${n}}`);
      await sink.transaction(
        values.map((value) => bench.event(value)),
        at(1),
      );
      await sink.transaction([bench.event('the last')], at(2));
      assert.equal((await sink.read()).position, at(2), 'the position is written as it is');
      await sink.close();
      assert.equal(await bench.committed(), [...values, 'the last']);
    });
  }

  test('by topic: what one is told is not what all are', async () => {
    const bench = await openSite(create);
    const other = `${bench.site}.other`;
    await createTopics(await sharedBroker(), [other], 1);
    // Long enough to be worth a codec.
    const [plain, small] = ['a'.repeat(2_000), 'b'.repeat(2_000)] as const;
    const compressed: string[] = [];
    const chosen = await compressing('none', { [other]: 'gzip' });
    const sink = await bench.started({
      compression(topic) {
        const one = chosen(topic);
        if (one === null) return null;
        const compress = (bytes: Uint8Array) => {
          compressed.push(topic);
          return one.compress(bytes);
        };
        return { ...one, compress };
      },
    });
    await sink.transaction([bench.event(plain), { ...bench.event(small), topic: other }], at(1));
    await sink.close();
    const records = await consume({
      bootstrap: await sharedBroker(),
      topics: [bench.topic, other],
    });
    assert.equal(records.map(({ value }) => String(value)).sort(), [plain, small]);
    assert.equal(compressed, [other]);
  });

  test.run();
}

function compressing(compression: Codec, byTopic: Record<string, Codec> = {}) {
  const topics = { compression: byTopic } as unknown as KafkaConfig['topics'];
  return openCompression({ compression, topics });
}

async function openSite(create: CreateSink) {
  const bootstrap = await sharedBroker();
  const bench = openBench(bootstrap, Number(bootstrap.split(':').at(-1)), create);
  await createTopics(bootstrap, [bench.topic], 1);
  return bench;
}

// The suite that every sink passes, on @platformatic/kafka.

import { test } from 'uvu';
import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { sinkConformance } from '../kafka-sink/conformance.js';
import { openRealWorld } from '../kafka-sink/real-world.js';
import { orSkip } from './library.js';

const deliveries = ['exactly-once', 'at-least-once'] as const;

await orSkip(async (library) => {
  const world = await openRealWorld();
  if (world === null) {
    console.log('skipped: KAFKA_BROKERS is set, and losing answers takes a broker of our own');
    test.skip('platformatic sink');
    test.run();
    return;
  }
  await world.close();
  const create = createPlatformaticSink.bind(null, library);
  for (const delivery of deliveries) {
    const open = async () => (await openRealWorld(delivery, create)) ?? world;
    sinkConformance(`platformatic sink, ${delivery}`, open, delivery);
  }
});

// The suite that every sink passes, on @platformatic/kafka.

import { test } from 'uvu';
import { createPlatformaticSink } from '../../proxy/kafka/platformatic-sink.js';
import { sinkConformance } from '../kafka-sink/conformance.js';
import { openRealWorld } from '../kafka-sink/real-world.js';
import { library, whyNot } from './library.js';

const deliveries = ['exactly-once', 'at-least-once'] as const;
const world = library === null ? null : await openRealWorld();
if (library === null || world === null) {
  console.log(
    `skipped: ${whyNot ?? 'KAFKA_BROKERS is set, and losing answers takes a broker of our own'}`,
  );
  test.skip('platformatic sink');
  test.run();
} else {
  await world.close();
  const create = createPlatformaticSink.bind(null, library);
  for (const delivery of deliveries) {
    const open = async () => (await openRealWorld(delivery, create)) ?? world;
    sinkConformance(`platformatic sink, ${delivery}`, open, delivery);
  }
}

import { test } from 'uvu';
import { sinkConformance } from './conformance.js';
import { openRealWorld } from './real-world.js';

const deliveries = ['exactly-once', 'at-least-once'] as const;
const world = await openRealWorld();
if (world === null) {
  console.log('skipped: KAFKA_BROKERS is set, and losing answers takes a broker of our own');
  test.skip('kafkajs sink');
  test.run();
} else {
  await world.close();
  for (const delivery of deliveries) {
    const open = async () => (await openRealWorld(delivery)) ?? world;
    sinkConformance(`kafkajs sink, ${delivery}`, open, delivery);
  }
}

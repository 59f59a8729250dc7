// The conformance suite's world on a real broker: sinks reach it through a proxy that can lose and
// hold single requests; what was committed is read by Apache Kafka's own client.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { createKafkajsSink } from '../../proxy/kafka/kafkajs-sink.js';
import { positionTopicOf } from '../../proxy/kafka/position-topic.js';
import { type Detour, openDetour } from '../kafka/detour.js';
import { consume } from '../kafka/read-back.js';
import { sharedBroker, sharedDetour } from '../kafka/shared-broker.js';
import { createTopicsBy } from '../kafka/topics.js';
import type { Delivery } from './conformance.js';
import type { CreateSink, Site, World } from './world.js';

/** Null where KAFKA_BROKERS names a broker that has no second way in. */
export async function openRealWorld(
  delivery: Delivery = 'exactly-once',
  createSink: CreateSink = createKafkajsSink,
): Promise<World | null> {
  const way = await sharedDetour();
  if (way === null) return null;
  const bootstrap = await sharedBroker();
  const detour = await openDetour(way);
  const kafka = new Kafka({
    clientId: 'test',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 50, maxRetryTime: 200 },
  });
  const admin = kafka.admin();
  await admin.connect();
  return {
    freshSite: () => openSite(kafka, admin, bootstrap, detour, way.from, delivery, createSink),
    async close() {
      await admin.disconnect();
      await detour.close();
    },
  };
}

function openSite(
  kafka: Kafka,
  admin: Admin,
  bootstrap: string,
  detour: Detour,
  port: number,
  delivery: Delivery,
  createSink: CreateSink,
): Site {
  const site = `s${randomBytes(4).toString('hex')}`;
  const topicOf = (name: string) => `${site}.${name}`;
  return {
    topicOf,
    openSink: (options = {}) =>
      createSink({ site, lane: 0, delivery, brokers: [`127.0.0.1:${port}`], ...options }),
    async createTopic(name, numPartitions) {
      await createTopicsBy(admin, [topicOf(name)], numPartitions);
    },
    async openForeignTransaction() {
      const producer = kafka.producer({
        transactionalId: `foreign-${site}`,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      const transaction = await producer.transaction();
      const messages = [{ key: 'foreign', value: '{}', partition: 0 }];
      await transaction.send({ topic: positionTopicOf(site), messages });
      return {
        async commit() {
          await transaction.commit();
          await producer.disconnect();
        },
      };
    },
    async committed(name) {
      const records = await consume({ bootstrap, topics: [topicOf(name)] });
      return records.map(({ key, value, partition, timestampMs, headers }) => {
        return { key: String(key), value: String(value), partition, timestampMs, headers };
      });
    },
    loseAnswers: detour.loseAnswers,
    loseRequests: detour.loseRequests,
    hold: detour.hold,
    blackHole: detour.blackHole,
    // The broker looks five times a second: shared-broker.ts. A slower look only hides the abort.
    pastTimeout: (timeoutMs) => sleep(timeoutMs + 1000),
    sleep,
  };
}

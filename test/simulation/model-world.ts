import { positionTopicOf } from '../../proxy/kafka/position-topic.js';
import type { Site, World } from '../kafka-sink/world.js';
import { Random } from '../random.js';
import { ModelBroker } from './model-broker.js';
import { ModelNetwork } from './model-network.js';
import { createModelSink, type SinkDefects } from './model-sink.js';
import { Life, Scheduler, settled } from './scheduler.js';

// The conformance suite's world in the model: while a scenario waits for something, virtual time goes on.

export function openModelWorld(defects: SinkDefects = {}): World {
  const scheduler = new Scheduler();
  const broker = new ModelBroker(scheduler, Date.now());
  const network = new ModelNetwork(scheduler, new Random(1));
  const life = new Life(scheduler);
  let isOpen = true;
  const goOn = async () => {
    while (isOpen) {
      if (scheduler.nextMs === null) await settled();
      else await scheduler.step(scheduler.nextMs);
    }
  };
  void goOn();
  let sites = 0;

  function openSite(): Site {
    const site = `s${++sites}`;
    const topicOf = (name: string) => `${site}.${name}`;
    return {
      topicOf,
      openSink: (times = {}) =>
        createModelSink({ site, lane: 0, life, broker, network, defects, ...times }),
      async createTopic(name, partitions) {
        broker.createTopic(topicOf(name), partitions);
      },
      async openForeignTransaction() {
        const id = `foreign-${site}`;
        const topic = positionTopicOf(site);
        const epoch = broker.initProducerId(id, 60_000);
        broker.addPartitions(id, epoch, [[topic, 0]]);
        const written = { timestampMs: broker.nowMs, headers: {} };
        const entry = { key: Buffer.from('foreign'), value: Buffer.from('{}'), ...written };
        broker.produce(id, epoch, { topic, partition: 0, sequence: 0, entries: [entry] });
        return {
          async commit() {
            // A reader that doesn't wait has answered by then.
            await scheduler.sleep(50);
            broker.endTxn(id, epoch, true);
          },
        };
      },
      async committed(name) {
        // As a consumer that waits until nothing is open.
        await scheduler.sleep(100);
        const topic = topicOf(name);
        return Array.from({ length: broker.partitions(topic) }, (_, partition) =>
          broker.fetch(topic, partition).map(({ key, value, timestampMs, headers }) => ({
            ...{ partition, timestampMs, headers },
            key: Buffer.from(key!).toString(),
            value: Buffer.from(value).toString(),
          })),
        ).flat();
      },
      loseAnswers: (step, count) => network.loseAnswers(step, count),
      loseRequests: (step, count) => network.loseRequests(step, count),
      hold: (step) => network.hold(step),
      blackHole: (yes) => {
        network.away = yes ? 'silent' : null;
      },
      pastTimeout: (timeoutMs) => scheduler.sleep(timeoutMs + 1_000),
      sleep: (ms) => scheduler.sleep(ms),
    };
  }
  return {
    freshSite: openSite,
    async close() {
      isOpen = false;
    },
  };
}

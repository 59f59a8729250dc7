// The hazards of a Kafka client, each on a real broker: KAFKA.md says of each client which test and which mend belong together.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  apis,
  type BrokerLink,
  endTxnError,
  errorCodes,
  openBrokerLink,
  produceError,
} from '../kafka/broker-link.js';
import { sharedBroker, sharedDetour } from '../kafka/shared-broker.js';
import { createTopics, deleteTopic, withAdmin } from '../kafka/topics.js';
import { watchLane } from '../proxy/kafka/lane-site.js';
import { createMemoryJournal, toRecords } from '../proxy/kafka/memory-journal.js';
import { until } from '../site/until.js';
import { at, type Bench, failure, openBench } from './bench.js';
import type { CreateSink } from './world.js';

export interface HazardousClient {
  name: string;
  createSink: CreateSink;
  /** It learns of new partitions by a clock of its own, and must not drop what is for them. */
  refusesNewPartitions: boolean;
  /** Says how many requests wait on a connection, each time that one more does. Answers its end. */
  watchPending(onPending: (count: number) => void): () => void;
}

export async function sinkHazards(client: HazardousClient): Promise<void> {
  const test = suite(`${client.name}'s hazards`);
  const way = await sharedDetour();
  let bootstrap = '';
  let link: BrokerLink;
  let bench: Bench;

  test.before(async () => {
    if (way === null) return;
    bootstrap = await sharedBroker();
    link = await openBrokerLink(way);
  });
  test.after(() => link?.close());
  test.before.each(() => {
    if (way === null) return;
    link.rules = {};
    bench = openBench(bootstrap, way.from, client.createSink);
  });

  const hazard = (name: string, scenario: () => Promise<void>) => {
    if (way !== null) test(name, scenario);
  };
  if (way === null)
    console.log('skipped: KAFKA_BROKERS is set, and these tests go between client and broker');

  const devices = Array.from({ length: 8 }, (_, n) => `press-${n}`);
  const eventsOf = (label: string) => devices.map((device) => bench.event(label + device, device));

  hazard(
    'a topic made anew with fewer partitions: nothing is committed without its records',
    async () => {
      await createTopics(bootstrap, [bench.topic], 4);
      let sink = await bench.started();
      await sink.transaction(eventsOf('a'), at(1));
      await deleteTopic(bootstrap, bench.topic);
      await createTopics(bootstrap, [bench.topic], 1);
      await failure(sink.transaction(eventsOf('b'), at(2)));
      await sink.close();
      sink = await bench.started();
      assert.equal((await sink.read()).position, at(1));
      await sink.transaction(eventsOf('b'), at(2));
      await sink.close();
      assert.equal(
        await bench.committed(),
        devices.map((device) => `b${device}`),
      );
    },
  );

  hazard('a topic that got partitions: nothing is committed without its records', async () => {
    await createTopics(bootstrap, [bench.topic], 1);
    let sink = await bench.started();
    await sink.transaction(eventsOf('a'), at(1));
    const count = 4;
    await withAdmin(bootstrap, async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic: bench.topic, count }] });
      await until(async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [bench.topic] });
        return topics[0]?.partitions.length === count;
      });
    });
    // The sink asks again after five minutes; kafkajs's producer has a clock of its own.
    await ahead(300_001, () => sink.checkTopics([bench.topic]));
    if (client.refusesNewPartitions) {
      const { kind, message } = await failure(sink.transaction(eventsOf('b'), at(2)));
      assert.is(kind, 'unanswered');
      assert.match(message, /partition \d of .* is not where it was/);
      await sink.close();
      sink = await bench.started();
    }
    await sink.transaction(eventsOf('b'), at(2));
    await sink.close();
    assert.equal((await bench.committed()).sort(), [...labels('a'), ...labels('b')]);
  });

  hazard(
    'Kafka is still ending the transaction before: one request is asked again, nothing else',
    async () => {
      await createTopics(bootstrap, [bench.topic], 1);
      const lines: string[] = [];
      const sink = await bench.started({ log: (line) => lines.push(line) });
      let concurrent = 0;
      link.rules.answer = ({ api }, body) => {
        if (api === apis.addPartitionsToTxn && concurrent < 3) {
          concurrent++;
          // The error of its last partition is the last of it.
          body.writeInt16BE(errorCodes.concurrentTransactions, body.length - 2);
        }
        return body;
      };
      const before = link.count(apis.produce);
      await sink.transaction([bench.event('e0')], at(1));
      await sink.transaction([bench.event('e1')], at(2));
      await sink.close();
      assert.is(concurrent, 3);
      assert.is(link.count(apis.produce) - before, 2);
      assert.equal(
        lines.filter((line) => /Failed to send/.test(line)),
        [],
      );
      assert.equal(await bench.committed(), ['e0', 'e1']);
    },
  );

  hazard(
    'Kafka is still ending the transaction of the owner before: the fence waits for it',
    async () => {
      await createTopics(bootstrap, [bench.topic], 1);
      const before = await bench.started();
      await before.transaction([bench.event('e0')], at(1));
      let concurrent = 0;
      link.rules.answer = ({ api }, body) => {
        if (api !== apis.initProducerId) return body;
        if (body.readInt16BE(4) === errorCodes.concurrentTransactions) concurrent++;
        else if (concurrent === 0) {
          concurrent++;
          body.writeInt16BE(errorCodes.concurrentTransactions, 4);
        }
        return body;
      };
      // Not as a lane, which would begin anew.
      const sink = bench.open();
      await sink.read();
      await sink.fence({ lane: 0, owner: 'two', journal: 'ab'.repeat(16), host: 'test' });
      assert.ok(concurrent > 0);
      await sink.transaction([bench.event('e1')], at(2));
      await before.close();
      await sink.close();
      assert.equal(await bench.committed(), ['e0', 'e1']);
    },
  );

  for (const request of ['addPartitionsToTxn', 'endTxn'] as const) {
    hazard(
      `the coordinator has moved (${request}): starts again, and nothing is lost or doubled`,
      async () => {
        await createTopics(bootstrap, [bench.topic], 1);
        let sink = await bench.started();
        await sink.transaction([bench.event('e0')], at(1));
        let moved = false;
        link.rules.request = ({ api }) => {
          if (request !== 'endTxn' || api !== apis.endTxn || moved) return undefined;
          moved = true;
          return endTxnError(errorCodes.notCoordinator);
        };
        link.rules.answer = ({ api }, body) => {
          if (request !== 'addPartitionsToTxn' || api !== apis.addPartitionsToTxn || moved)
            return body;
          if (body.readInt16BE(body.length - 2) !== 0) return body;
          moved = true;
          body.writeInt16BE(errorCodes.notCoordinator, body.length - 2);
          return body;
        };
        assert.is((await failure(sink.transaction([bench.event('e1')], at(2)))).kind, 'unanswered');
        await sink.close();
        sink = await bench.started();
        assert.equal((await sink.read()).position, at(1));
        await sink.transaction([bench.event('e1')], at(2));
        await sink.close();
        assert.equal(await bench.committed(), ['e0', 'e1']);
      },
    );
  }

  hazard('a topic that is forbidden in the middle of a transaction is named', async () => {
    await createTopics(bootstrap, [bench.topic], 1);
    const sink = await bench.started();
    link.rules.request = (request) => {
      if (request.api !== apis.produce) return undefined;
      return produceError(request, errorCodes.topicForbidden);
    };
    const { kind, topic, message } = await failure(sink.transaction([bench.event('e0')], at(1)));
    await sink.close();
    assert.is(kind, 'topic-forbidden');
    assert.is(topic, bench.topic);
    assert.match(message, `topic ${bench.topic} may not be written; allow it: `);
  });

  hazard('a black hole: close returns, and leaves neither socket nor timer', async () => {
    await createTopics(bootstrap, [bench.topic], 1);
    await until(() => sockets() === 0);
    const sink = await bench.started();
    link.rules.request = () => 'lose';
    const waiting = failure(sink.transaction([bench.event('e0')], at(1)));
    const count = link.count(apis.addPartitionsToTxn);
    await until(() => link.count(apis.addPartitionsToTxn) > count || sockets() > 0);
    await sink.close();
    assert.is((await waiting).kind, 'unreachable');
    await until(() => sockets() === 0);
  });

  hazard('no timer while nothing is pending', async () => {
    await createTopics(bootstrap, [bench.topic], 1);
    const sink = await bench.started();
    await sink.transaction([bench.event('e0')], at(1));
    const set = globalThis.setTimeout;
    const short: number[] = [];
    const counting = (task: () => void, delayMs = 0) => {
      if (delayMs < 20) short.push(delayMs);
      return set(task, delayMs);
    };
    globalThis.setTimeout = counting as typeof set;
    try {
      await new Promise((resolve) => set(resolve, 300));
    } finally {
      globalThis.setTimeout = set;
    }
    await sink.close();
    assert.equal(short, []);
  });

  hazard(
    'the queue of pending requests holds a handful, however long nothing is answered',
    async () => {
      await createTopics(bootstrap, [bench.topic], 1);
      let most = 0;
      const unwatch = client.watchPending((count) => {
        most = Math.max(most, count);
      });
      const journal = createMemoryJournal();
      for (let n = 0; n < 200; n++) journal.block(10);
      const impatient = { requestTimeoutMs: 200, deadlineMs: 400 };
      const watched = watchLane(() => bench.open(impatient), journal, {
        toRecords: (located) => toRecords(located, bench.topic),
      });
      try {
        await until(() => (watched.confirmed?.end ?? 0) > 0);
        link.rules.request = () => 'lose';
        await until(() => watched.count('restarts') >= 4);
        link.rules = {};
        await watched.drained(journal);
      } finally {
        unwatch();
        await watched.lane.stop();
      }
      assert.ok(most <= 4, `${most} requests were pending`);
      const seqs = (await bench.committed()).map(Number);
      assert.equal(
        seqs,
        Array.from({ length: 2_000 }, (_, seq) => seq),
      );
    },
  );

  const speaks = {
    'too old': {
      api: apis.initProducerId,
      range: null,
      says: /is too old: .*InitProducerId.* Kafka 0\.11 or newer/,
    },
    'too new': {
      api: apis.produce,
      range: [9, 13],
      says: /is too new: it takes Produce from version 9 on only/,
    },
  } as const;

  for (const [age, { api, range, says }] of Object.entries(speaks)) {
    hazard(
      `a broker that is ${age} is told in one sentence; once it isn't, all is well`,
      async () => {
        link.rules.answer = (request, body) =>
          request.api === apis.apiVersions ? withVersions(body, api, range) : body;
        const sink = bench.open();
        const { kind, message } = await failure(sink.read());
        await sink.close();
        assert.is(kind, 'misconfigured');
        assert.match(message, says);
        link.rules = {};
        const next = await bench.started();
        assert.is((await next.read()).position, null);
        await next.close();
      },
    );
  }

  test.run();

  function labels(label: string): string[] {
    return devices.map((device) => label + device);
  }

  /** Connections that this process has open to the link. */
  function sockets(): number {
    const { from = 0 } = way ?? {};
    const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
    return handles.filter((one) => (one as { remotePort?: number }).remotePort === from).length;
  }
}

/** An answer to ApiVersions in which one request is taken in other versions, or in none. */
function withVersions(body: Buffer, api: number, range: readonly [number, number] | null): Buffer {
  const changed = Buffer.from(body);
  for (let entry = 6; entry + 6 <= body.length; entry += 6) {
    if (body.readInt16BE(entry) !== api) continue;
    const [least, most] = range ?? [0, 0];
    // Of none: under a number that nobody knows.
    if (range === null) changed.writeInt16BE(9_999, entry);
    changed.writeInt16BE(least, entry + 2);
    changed.writeInt16BE(most, entry + 4);
    return changed;
  }
  throw new Error(`the broker does not speak ${api}`);
}

async function ahead<T>(ms: number, work: () => Promise<T>): Promise<T> {
  const { now } = performance;
  performance.now = () => now.call(performance) + ms;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

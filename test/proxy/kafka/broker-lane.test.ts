// The lane on Apache Kafka: kills, outages, a missing topic, copies of a journal. A record's value is
// its seq, so that order and number are seen by a consumer that shares nothing with us.

import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkajsSink, transactionalIdOf } from '../../../proxy/kafka/kafkajs-sink.js';
import { positionTopicOf } from '../../../proxy/kafka/position-topic.js';
import type { KafkaSink } from '../../../proxy/kafka/sink.js';
import { consume } from '../../kafka/read-back.js';
import { sharedBroker, temporaryBroker } from '../../kafka/shared-broker.js';
import { watchLane } from './lane-site.js';
import { createMemoryJournal, type MemoryJournal, toRecords } from './memory-journal.js';

interface Bench {
  bootstrap: string;
  site: string;
  topic: string;
  journal: MemoryJournal;
  openSink(): KafkaSink;
  watch(
    options?: Parameters<typeof watchLane>[2],
    journal?: MemoryJournal,
  ): ReturnType<typeof watchLane>;
  createTopic(): Promise<void>;
  /** Seqs in the order of the topic's one partition. */
  seqs(): Promise<number[]>;
}

function openBench(bootstrap: string): Bench {
  const site = `lane-${randomBytes(4).toString('hex')}`;
  const topic = `${site}.events`;
  const journal = createMemoryJournal();
  const openSink = () => createKafkajsSink({ site, lane: 0, brokers: [bootstrap] });
  return {
    bootstrap,
    site,
    topic,
    journal,
    openSink,
    watch: (options = {}, other = journal) =>
      watchLane(openSink, other, { toRecords: (located) => toRecords(located, topic), ...options }),
    createTopic: () =>
      withAdmin(bootstrap, async (admin) => {
        await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
      }),
    seqs: async () => {
      const records = await consume({ bootstrap, topics: [topic] });
      return records.map(({ value }) => Number(String(value)));
    },
  };
}

async function withAdmin(
  bootstrap: string,
  work: (admin: ReturnType<Kafka['admin']>) => Promise<void>,
): Promise<void> {
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await work(admin);
  await admin.disconnect();
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, seq) => seq);
}

test('many batches, in order, once', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  for (let i = 0; i < 100; i++) bench.journal.block(30);
  const lane = bench.watch({ limits: { recordsMax: 1000, lingerMs: 5, retryBackoffMs: 50 } });
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(3000));
  assert.is(lane.books.get('press-07'), 3000);
  assert.equal(lane.lines, []);
});

test('killed anywhere: the next one loses and doubles nothing, and the books balance', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  for (let i = 0; i < 60; i++) bench.journal.block(10);
  let confirmed: Parameters<Bench['watch']>[0] = {};
  let booked = 0;
  for (let life = 0; life < 4; life++) {
    const sinks: KafkaSink[] = [];
    const lane = bench.watch({
      ...confirmed,
      openSink: () => {
        const sink = bench.openSink();
        sinks.push(sink);
        return sink;
      },
      limits: { recordsMax: 20, lingerMs: 0, retryBackoffMs: 20 },
    });
    await lane.until('flowing');
    const wanted = (life + 1) * 10 * 10 * 100;
    while ((lane.confirmed?.end ?? 0) < wanted / 10) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    // What a kill leaves: sockets that end, and a transaction that may be open.
    const kept = lane.confirmed;
    const keptEvents = [...lane.books.values()].reduce((sum, events) => sum + events, 0);
    const stopped = lane.lane.stop();
    for (const sink of sinks) void sink.close();
    await stopped;
    booked += keptEvents;
    confirmed = { confirmed: kept };
  }
  const last = bench.watch({ ...confirmed });
  await last.drained(bench.journal);
  await last.lane.stop();
  booked += [...last.books.values()].reduce((sum, events) => sum + events, 0);
  assert.equal(await bench.seqs(), upTo(600));
  assert.is(booked, 600);
});

test('a missing topic: one line with the command, then it flows without a restart', async () => {
  const bench = openBench(await sharedBroker());
  bench.journal.block(5);
  const lane = bench.watch();
  await lane.until('held');
  assert.match(lane.lines[0]!, `kafka-topics.sh --bootstrap-server ${bench.bootstrap}`);
  assert.match(lane.lines[0]!, bench.topic);
  await bench.createTopic();
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(5));
  assert.is(lane.lines.length, 2, lane.lines.join(' | '));
  assert.is(lane.count('restarts'), 0);
});

test('connecting fences nobody; starting does, and the one before says so and stops', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  bench.journal.block(5);
  const first = bench.watch();
  await first.drained(bench.journal);
  const reader = bench.openSink();
  await reader.read();
  await reader.close();
  bench.journal.block(5);
  first.lane.syncedEnd(bench.journal.end);
  await first.drained(bench.journal);
  const second = bench.watch({ host: 'second:2' });
  await second.until('flowing');
  bench.journal.block(5);
  first.lane.syncedEnd(bench.journal.end);
  assert.is(await first.lane.done, 'fenced');
  assert.match(first.lines.at(-1)!, 'second:2');
  second.lane.syncedEnd(bench.journal.end);
  await second.drained(bench.journal);
  await second.lane.stop();
  assert.equal(await bench.seqs(), upTo(15));
});

test('a wiped journal, a copy and an older copy are refused, and disturb nobody', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  bench.journal.block(5);
  const older = bench.journal.copy();
  bench.journal.block(5);
  const owner = bench.watch();
  await owner.drained(bench.journal);
  const wiped = createMemoryJournal();
  wiped.block(5);
  const grown = older.copy();
  grown.block(7);
  grown.block(7);
  for (const journal of [wiped, older, grown]) {
    const mistaken = bench.watch({}, journal);
    assert.is(await mistaken.lane.done, 'refused');
    assert.is(mistaken.lines.length, 1);
    assert.is(mistaken.count('restarts'), 0);
  }
  bench.journal.block(5);
  owner.lane.syncedEnd(bench.journal.end);
  await owner.drained(bench.journal);
  assert.equal(owner.lines, []);
  await owner.lane.stop();
  assert.equal(await bench.seqs(), upTo(15));
});

test('Kafka has lost its positions: goes on from its own, with an error line', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  bench.journal.block(5);
  const first = bench.watch();
  await first.drained(bench.journal);
  await first.lane.stop();
  await withAdmin(bench.bootstrap, (admin) =>
    admin.deleteTopics({ topics: [positionTopicOf(bench.site)] }),
  );
  bench.journal.block(5);
  const second = bench.watch({ confirmed: first.confirmed });
  await second.drained(bench.journal);
  await second.lane.stop();
  assert.equal(await bench.seqs(), upTo(10));
  assert.is(second.count('kafka-lost'), 1);
});

test('a position topic with the wrong settings holds the lane and says how to mend it', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  const topic = positionTopicOf(bench.site);
  const policy = (value: string) =>
    withAdmin(bench.bootstrap, async (admin) => {
      const configEntries = [{ name: 'cleanup.policy', value }];
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name: topic, configEntries }],
      });
    });
  await withAdmin(bench.bootstrap, async (admin) => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 16 }], waitForLeaders: true });
  });
  bench.journal.block(5);
  const lane = bench.watch();
  await lane.until('waiting');
  assert.match(lane.lines[0]!, `--entity-name ${topic} --add-config cleanup.policy=compact`);
  assert.is((await consume({ bootstrap: bench.bootstrap, topics: [topic] })).length, 0);
  await policy('compact,delete');
  await policy('compact');
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(5));
  assert.is(lane.lines.length, 2, lane.lines.join(' | '));
});

for (const end of ['stop', 'SIGKILL'] as const) {
  test(`Kafka away (${end}) and back: flows again without a restart`, async () => {
    const broker = await temporaryBroker();
    const bench = openBench(broker.bootstrap);
    await bench.createTopic();
    const lane = bench.watch({ limits: { recordsMax: 50, lingerMs: 0, retryBackoffMs: 100 } });
    for (let i = 0; i < 20; i++) bench.journal.block(10);
    lane.lane.syncedEnd(bench.journal.end);
    await lane.drained(bench.journal);
    for (let i = 0; i < 20; i++) bench.journal.block(10);
    const away = end === 'stop' ? broker.stop() : broker.kill('SIGKILL');
    lane.lane.syncedEnd(bench.journal.end);
    await away;
    for (let i = 0; i < 20; i++) bench.journal.block(10);
    lane.lane.syncedEnd(bench.journal.end);
    const back = await broker.restart();
    await lane.drained(bench.journal);
    await lane.lane.stop();
    assert.equal(await bench.seqs(), upTo(600));
    assert.is(lane.books.get('press-07'), 600);
    await back.stop();
  });
}

test('somebody else with our transactional id, and no claim: starts again, and goes on', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  bench.journal.block(5);
  const lane = bench.watch();
  await lane.drained(bench.journal);
  const kafka = new Kafka({ brokers: [bench.bootstrap], logLevel: logLevel.NOTHING });
  const transactionalId = transactionalIdOf(bench.site, 0);
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1 });
  await producer.connect();
  await (await producer.transaction()).abort();
  await producer.disconnect();
  bench.journal.block(5);
  lane.lane.syncedEnd(bench.journal.end);
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(10));
  assert.is(lane.count('restarts'), 1);
});

test.run();

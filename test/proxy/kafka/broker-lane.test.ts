// The lane on Apache Kafka: kills, outages, a missing topic, copies of a journal. A record's value is
// its seq, so that order and number are seen by a consumer that shares nothing with us.

import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Located } from '../../../proxy/journal/record.js';
import { createKafkajsSink, transactionalIdOf } from '../../../proxy/kafka/kafkajs-sink.js';
import type { Lane } from '../../../proxy/kafka/lane.js';
import { positionTopicOf } from '../../../proxy/kafka/position-topic.js';
import type { KafkaSink } from '../../../proxy/kafka/sink.js';
import type { Broker } from '../../kafka/broker.js';
import { consume } from '../../kafka/read-back.js';
import { sharedBroker, temporaryBroker } from '../../kafka/shared-broker.js';
import { createTopics, deleteTopic, withAdmin } from '../../kafka/topics.js';
import { until } from '../../site/until.js';
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

const test = suite('a lane on Apache Kafka');
const running: Lane[] = [];
const producers: Producer[] = [];

// A lane that is not stopped tries on for ever: a test that fails must not keep the run alive.
test.after.each(async () => {
  await Promise.all(running.splice(0).map((lane) => lane.stop()));
  await Promise.all(producers.splice(0).map((producer) => producer.disconnect()));
});

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
    watch(options = {}, other = journal) {
      const records = (located: Located) => toRecords(located, topic);
      const watched = watchLane(openSink, other, { toRecords: records, ...options });
      running.push(watched.lane);
      return watched;
    },
    createTopic: () => createTopics(bootstrap, [topic], 1),
    seqs: async () => {
      const records = await consume({ bootstrap, topics: [topic] });
      return records.map(({ value }) => Number(String(value)));
    },
  };
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
    const wanted = (life + 1) * 1000;
    await until(() => (lane.confirmed?.end ?? 0) >= wanted, { lookMs: 2 });
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
  await first.until('fenced');
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
    await mistaken.until('refused');
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
  await deleteTopic(bench.bootstrap, positionTopicOf(bench.site));
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
  await createTopics(bench.bootstrap, [topic], 16);
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

test('Kafka stopped in the midst of it, and back: flows again without a restart', async () => {
  let broker: Broker = await temporaryBroker();
  const bench = openBench(broker.bootstrap);
  await bench.createTopic();
  const lane = bench.watch({ limits: { recordsMax: 50, lingerMs: 0, retryBackoffMs: 100 } });
  const write = () => {
    for (let block = 0; block < 20; block++) bench.journal.block(10);
    lane.lane.syncedEnd(bench.journal.end);
  };
  write();
  await lane.drained(bench.journal);
  write();
  await broker.stop();
  write();
  broker = await broker.restart();
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(600));
  assert.is(lane.books.get('press-07'), 600);
  await broker.stop();
});

test('somebody else with our transactional id, and no claim: starts again, and goes on', async () => {
  const bench = openBench(await sharedBroker());
  await bench.createTopic();
  bench.journal.block(5);
  const lane = bench.watch();
  await lane.drained(bench.journal);
  const kafka = new Kafka({ brokers: [bench.bootstrap], logLevel: logLevel.NOTHING });
  const transactionalId = transactionalIdOf(bench.site, 0);
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1 });
  producers.push(producer);
  await producer.connect();
  await (await producer.transaction()).abort();
  bench.journal.block(5);
  lane.lane.syncedEnd(bench.journal.end);
  await lane.drained(bench.journal);
  await lane.lane.stop();
  assert.equal(await bench.seqs(), upTo(10));
  assert.is(lane.count('restarts'), 1);
});

test.run();

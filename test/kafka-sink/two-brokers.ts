// A client's hazards where a batch goes to two brokers at once, and one of them refuses it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Broker } from '../kafka/broker.js';
import {
  apis,
  type BrokerLink,
  errorCodes,
  type KafkaRequest,
  openBrokerLink,
  producedTo,
  produceError,
} from '../kafka/broker-link.js';
import { startCluster } from '../kafka/cluster.js';
import { withAdmin } from '../kafka/topics.js';
import { until } from '../site/until.js';
import { at, type Bench, deviceOf, failure, openBench } from './bench.js';
import type { CreateSink } from './world.js';

export function twoBrokerHazards(name: string, createSink: CreateSink): void {
  const test = suite(`${name}'s hazards with two brokers`);
  let folder = '';
  let brokers: Broker[] = [];
  let bootstrap = '';
  let port = 0;
  let links: [BrokerLink, BrokerLink];
  let bench: Bench;

  const [first, second] = [deviceOf(0, 2), deviceOf(1, 2)];
  const batch = (label: string) => [
    bench.event(`${label}-first`, first),
    bench.event(`${label}-second`, second),
  ];
  const once = ['a-first', 'b-first', 'a-second', 'b-second'];

  test.before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headwater-kafka-'));
    brokers = await startCluster({ count: 2, folder });
    const [one, two] = brokers.map(({ detour }) => openBrokerLink(detour));
    links = [await one!, await two!];
    bootstrap = brokers[0]!.bootstrap;
    port = brokers[0]!.detour.from;
  });

  test.before.each(async () => {
    for (const link of links) link.rules = {};
    bench = openBench(bootstrap, port, createSink);
    await withAdmin(bootstrap, async (admin) => {
      await until(async () => (await admin.describeCluster()).brokers.length === 2);
      const replicaAssignment = [
        { partition: 0, replicas: [1] },
        { partition: 1, replicas: [2] },
      ];
      await admin.createTopics({ topics: [{ topic: bench.topic, replicaAssignment }] });
    });
  });

  test.after(async () => {
    for (const link of links) await link.close();
    await Promise.all(brokers.map((broker) => broker.kill('SIGKILL')));
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  const isOfEvents = ({ api, body }: KafkaRequest) =>
    api === apis.produce && producedTo(body).some(([topic]) => topic === bench.topic);

  /** The next batch for broker 1 never gets there; it is answered by an error, once `when` is over. */
  function refuseOnce(when: Promise<void>): Promise<void> {
    const caught = gate();
    let done = false;
    links[0].rules.request = (request) => {
      if (done || !isOfEvents(request)) return undefined;
      done = true;
      caught.open();
      return when.then(() => produceError(request, errorCodes.notLeader));
    };
    return caught.opened;
  }

  /** A new sink finds the position before, and brings the batch. */
  async function goesOn(): Promise<void> {
    for (const link of links) link.rules = {};
    const sink = await bench.started();
    assert.equal((await sink.read()).position, at(1));
    await sink.transaction(batch('b'), at(2));
    await sink.close();
    assert.equal(await bench.committed(), once);
  }

  test('one refuses while the other is writing: nothing is there twice', async () => {
    const sink = await bench.started();
    await sink.transaction(batch('a'), at(1));
    const caught = refuseOnce(Promise.resolve());
    const answered = gate();
    links[1].rules.answer = async (request, body) => {
      if (isOfEvents(request)) await answered.opened;
      return body;
    };
    const failed = failure(sink.transaction(batch('b'), at(2)));
    await caught;
    // Time for a client to ask broker 2 again, if it does.
    await Promise.race([
      failed.catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 1000)),
    ]);
    answered.open();
    assert.is((await failed).kind, 'unanswered');
    await sink.close();
    await goesOn();
  });

  test('what moves from the one that refuses to the one that has answered is not left out', async () => {
    const sink = await bench.started();
    await sink.transaction(batch('a'), at(1));
    const moved = gate();
    const caught = refuseOnce(moved.opened);
    const failed = failure(sink.transaction(batch('b'), at(2)));
    await caught;
    await withAdmin(bootstrap, async (admin) => {
      const partitionAssignment = [{ partition: 0, replicas: [2] }];
      const topics = [{ topic: bench.topic, partitionAssignment }];
      await admin.alterPartitionReassignments({ topics });
      await until(async () => (await leaders(admin, bench.topic)).every((leader) => leader === 2));
    });
    moved.open();
    assert.is((await failed).kind, 'unanswered');
    await sink.close();
    await goesOn();
  });

  test('the coordinator moves to the other broker before the commit: starts again, once', async () => {
    const sink = await bench.started();
    await sink.transaction(batch('a'), at(1));
    const [caught, moved] = [gate(), gate()];
    // In front of the batch's answer: EndTxn comes behind it.
    const hold: BrokerLink['rules']['answer'] = async (request, body) => {
      if (isOfEvents(request)) {
        caught.open();
        await moved.opened;
      }
      return body;
    };
    for (const link of links) link.rules.answer = hold;
    const outcome = sink.transaction(batch('b'), at(2)).then(
      () => null,
      (error: unknown) => error,
    );
    await caught.opened;
    await moveCoordinators();
    moved.open();
    const error = await outcome;
    await sink.close();
    for (const link of links) link.rules = {};
    const next = await bench.started();
    const { position } = await next.read();
    // The one before may have written that it commits, and lost its office before it answered: the next one ends what it began.
    const isCommitted = position?.offset === at(2).offset;
    assert.equal(position, isCommitted ? at(2) : at(1));
    // What was reported as committed is.
    assert.ok(isCommitted || error !== null);
    if (!isCommitted) await next.transaction(batch('b'), at(2));
    await next.close();
    assert.equal(await bench.committed(), once);
  });

  test.run();

  /** Each partition of the coordinators' topic to the broker where it is not. */
  async function moveCoordinators(): Promise<void> {
    const topic = '__transaction_state';
    await withAdmin(bootstrap, async (admin) => {
      const wanted = (await leaders(admin, topic)).map((leader) => (leader === 1 ? 2 : 1));
      const partitionAssignment = wanted.map((broker, partition) => {
        return { partition, replicas: [broker] };
      });
      await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
      await until(async () => `${await leaders(admin, topic)}` === `${wanted}`);
    });
  }
}

function gate(): { opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

async function leaders(admin: Admin, topic: string): Promise<number[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = [...(topics[0]?.partitions ?? [])];
  return partitions.sort((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader);
}

// The contract of proxy/kafka/sink.ts as scenarios: what a lane may rely on, whatever the client.
// Every scenario ends by asking a read_committed consumer what is really there. With delivery at-least-once records may be there
// twice, and nothing else may differ but what only transactions can give.

import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Position } from '../../proxy/journal/record.js';
import { partitionOf } from '../../proxy/kafka/partition.js';
import {
  type Claim,
  type KafkaSink,
  SinkError,
  type SinkErrorKind,
  type SinkRecord,
} from '../../proxy/kafka/sink.js';
import type { SinkTimes, Site, World } from './world.js';

const journal = randomBytes(16).toString('hex');

export type Delivery = 'exactly-once' | 'at-least-once';

export function sinkConformance(
  name: string,
  openWorld: () => Promise<World>,
  delivery: Delivery = 'exactly-once',
): void {
  const test = suite(name);
  const isOnce = delivery === 'exactly-once';
  const withTransactions = (title: string, scenario: () => Promise<void>) => {
    if (isOnce) test(title, scenario);
  };
  const repeating = (title: string, scenario: () => Promise<void>) => {
    if (!isOnce) test(title, scenario);
  };
  /** What a reader makes of it that knows the kind of delivery. */
  const heard = (all: { value: string }[]) => (isOnce ? values(all) : [...new Set(values(all))]);
  let world: World;
  test.before(async () => {
    world = await openWorld();
  });
  test.after(() => world?.close());

  test('a new site has neither position nor claim', async () => {
    const site = world.freshSite();
    const sink = site.openSink();
    assert.equal(await sink.read(), { position: null, claim: null });
    await sink.close();
  });

  test('a transaction brings records and position together', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 3);
    const sink = await started(site, 'one');
    const headers = { 'hw-id': '7.0', 'hw-time': 'synced' };
    await sink.transaction(
      [{ ...event(site, 'e0'), headers, timestampMs: 1_700_000_000_123 }],
      at(1),
    );
    await sink.transaction([event(site, 'e1'), event(site, 'e2')], at(2));
    const state = await sink.read();
    assert.equal(state.position, at(2));
    assert.is(state.claim?.owner, 'one');
    await sink.close();
    const all = await site.committed('events');
    assert.equal(values(all), ['e0', 'e1', 'e2']);
    assert.is(new Set(all.map(({ partition }) => partition)).size, 1);
    assert.is(all[0]?.timestampMs, 1_700_000_000_123);
    assert.equal(all[0]?.headers, headers);
    assert.is(all[0]?.key, 'press-07');
  });

  test('a reader alone fences nobody', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const owner = await started(site, 'owner');
    const reader = site.openSink();
    assert.is((await reader.read()).claim?.owner, 'owner');
    await reader.checkTopics([site.topicOf('events')]);
    await reader.close();
    await owner.transaction([event(site, 'e0')], at(1));
    await owner.close();
    assert.equal(values(await site.committed('events')), ['e0']);
  });

  withTransactions('a fence stops the owner before, and the claim says who did it', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const before = await started(site, 'before');
    await before.transaction([event(site, 'e0')], at(1));
    const after = await started(site, 'after');
    await fails(before.transaction([event(site, 'doomed')], at(2)), 'epoch');
    const state = await after.read();
    assert.is(state.claim?.owner, 'after');
    assert.equal(state.position, at(1));
    await closeAll(before, after);
    assert.equal(values(await site.committed('events')), ['e0']);
  });

  withTransactions(
    'a commit on its way when the lane is fenced does not land after the read',
    async () => {
      const site = world.freshSite();
      await site.createTopic('events', 1);
      const before = await started(site, 'before');
      await before.transaction([event(site, 'e0')], at(1));
      const { held, release } = site.hold('endTxn');
      const late = before.transaction([event(site, 'e1')], at(2));
      late.catch(() => {});
      await held;
      const after = await started(site, 'after');
      assert.equal((await after.read()).position, at(1));
      release();
      await fails(late, 'epoch');
      await after.transaction([event(site, 'e1')], at(2));
      await closeAll(before, after);
      assert.equal(values(await site.committed('events')), ['e0', 'e1']);
    },
  );

  withTransactions('a produce that arrives after the fence changes nothing', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const before = await started(site, 'before');
    await before.transaction([event(site, 'e0')], at(1));
    const { held, release } = site.hold('produce');
    const late = before.transaction([event(site, 'late')], at(2));
    late.catch(() => {});
    await held;
    const after = await started(site, 'after');
    await after.transaction([event(site, 'e1')], at(2));
    release();
    await fails(late, 'epoch');
    await after.transaction([event(site, 'e2')], at(3));
    assert.equal((await after.read()).position, at(3));
    await closeAll(before, after);
    assert.equal(values(await site.committed('events')), ['e0', 'e1', 'e2']);
  });

  withTransactions('commit applied, its answer lost: the next start sees it', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one', { requestTimeoutMs: 500 });
    site.loseAnswers('endTxn', 1);
    await fails(sink.transaction([event(site, 'e0')], at(1)), 'unanswered');
    await sink.close();
    const next = await started(site, 'one');
    assert.equal((await next.read()).position, at(1));
    await next.close();
    assert.equal(values(await site.committed('events')), ['e0']);
  });

  withTransactions('commit never applied: the next start sees the position before', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one', { requestTimeoutMs: 500 });
    await sink.transaction([event(site, 'e0')], at(1));
    site.loseRequests('endTxn', 1);
    await fails(sink.transaction([event(site, 'e1')], at(2)), 'unanswered');
    await sink.close();
    const next = await started(site, 'one');
    assert.equal((await next.read()).position, at(1));
    await next.transaction([event(site, 'e1')], at(2));
    // Behind the aborted one, of the same producer.
    assert.equal((await next.read()).position, at(2));
    await next.close();
    assert.equal(values(await site.committed('events')), ['e0', 'e1']);
  });

  for (const count of [1, 2, 4, 40]) {
    test(`${count} answers to produce lost: nothing lost, nothing twice`, async () => {
      const site = world.freshSite();
      await site.createTopic('events', 1);
      const impatient = { requestTimeoutMs: 300, deadlineMs: 2000 };
      let sink = await started(site, 'one', impatient);
      let armed = false;
      for (let done = 0; done < 4; ) {
        if (done === 1 && !armed) site.loseAnswers('produce', count);
        armed = done >= 1;
        try {
          await sink.transaction([event(site, `e${done}`)], at(done + 1));
          done++;
        } catch (error) {
          assert.instance(error, SinkError);
          site.loseAnswers('produce', 0);
          await sink.close();
          sink = await started(site, 'one', impatient);
          done = (await sink.read()).position?.offset ?? 0;
        }
      }
      await sink.close();
      assert.equal(heard(await site.committed('events')), ['e0', 'e1', 'e2', 'e3']);
    });
  }

  test('devices lie where every client of Kafka looks for them', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 3);
    const sink = await started(site, 'one');
    const devices = ['press-01', 'press-02', 'press-03', 'press-04', 'press-05', 'press-06'];
    const one = (device: string) => ({ ...event(site, device), key: Buffer.from(device) });
    await sink.transaction(devices.map(one), at(1));
    await sink.close();
    const all = await site.committed('events');
    const found = devices.map((device) => all.filter(({ key }) => key === device));
    assert.equal(
      found.map((records) => records.map(({ partition }) => partition)),
      devices.map((device) => [partitionOf(Buffer.from(device), 3)]),
    );
    assert.ok(new Set(all.map(({ partition }) => partition)).size > 1);
  });

  repeating('a fence stops the owner before with its next position', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const before = await started(site, 'before');
    await before.transaction([event(site, 'e0')], at(1));
    const after = await started(site, 'after');
    assert.equal((await after.read()).position, at(1));
    await fails(before.transaction([event(site, 'e1')], at(2)), 'epoch');
    await fails(before.transaction([event(site, 'never')], at(3)), 'epoch');
    const reader = site.openSink();
    assert.is((await reader.read()).claim?.owner, 'after');
    await closeAll(before, after, reader);
    assert.equal(values(await site.committed('events')), ['e0', 'e1']);
  });

  repeating('what somebody else wrote is met once: a fence goes on behind it', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    await sink.transaction([event(site, 'e0')], at(1));
    await (await site.openForeignTransaction()).commit();
    await fails(sink.transaction([event(site, 'e1')], at(2)), 'epoch');
    await sink.close();
    const next = await started(site, 'one');
    // Its records were acknowledged before it was written.
    assert.equal((await next.read()).position, at(2));
    await next.transaction([event(site, 'e2')], at(3));
    await next.close();
    assert.equal(heard(await site.committed('events')), ['e0', 'e1', 'e2']);
  });

  repeating(
    'a position that was not written: its records come again, and none is lost',
    async () => {
      const site = world.freshSite();
      await site.createTopic('events', 1);
      const sink = await started(site, 'one', { requestTimeoutMs: 500 });
      await sink.transaction([event(site, 'e0')], at(1));
      const { held, release } = site.hold('produce');
      const records = sink.transaction([event(site, 'e1'), event(site, 'e2')], at(2));
      records.catch(() => {});
      await held;
      // Behind the records' own request, which goes its way.
      site.loseRequests('produce', 1);
      release();
      await fails(records, 'unanswered');
      await sink.close();
      const next = await started(site, 'one');
      assert.equal((await next.read()).position, at(1));
      await next.transaction([event(site, 'e1'), event(site, 'e2')], at(2));
      await next.close();
      const all = await site.committed('events');
      assert.equal(values(all), ['e0', 'e1', 'e2', 'e1', 'e2']);
    },
  );

  withTransactions('its own time-out aborts a transaction, and looks like a fence', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one', { transactionTimeoutMs: 1000 });
    await sink.transaction([event(site, 'e0')], at(1));
    const { held, release } = site.hold('endTxn');
    const slow = sink.transaction([event(site, 'e1')], at(2));
    slow.catch(() => {});
    await held;
    await site.pastTimeout(1000);
    release();
    await fails(slow, 'epoch');
    await sink.close();
    const reader = site.openSink();
    const state = await reader.read();
    assert.equal(state.position, at(1));
    assert.is(state.claim?.owner, 'one');
    await reader.close();
    assert.equal(values(await site.committed('events')), ['e0']);
  });

  withTransactions('an open transaction of somebody else hides no position', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    await sink.transaction([event(site, 'e0')], at(1));
    const foreign = await site.openForeignTransaction();
    await sink.transaction([event(site, 'e1')], at(2));
    const reading = sink.read();
    // A read that does not wait for it ends meanwhile, without the newest position.
    await Promise.race([reading, site.sleep(1000)]);
    await foreign.commit();
    assert.equal((await reading).position, at(2));
    await sink.close();
  });

  test('a missing topic is named, and found once it is there', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    const topics = [site.topicOf('events'), site.topicOf('absent')];
    const error = await fails(sink.checkTopics(topics), 'topic-missing');
    assert.is(error.topic, site.topicOf('absent'));
    await site.createTopic('absent', 1);
    await sink.checkTopics(topics);
    await sink.transaction([{ ...event(site, 'e0'), topic: site.topicOf('absent') }], at(1));
    await sink.close();
    assert.equal(values(await site.committed('absent')), ['e0']);
  });

  test('one record that Kafka refuses takes its whole transaction with it', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    const ahead = { ...event(site, 'ahead'), timestampMs: Date.now() + 2 * 3_600_000 };
    await fails(sink.transaction([event(site, 'good'), ahead], at(1)), 'refused');
    await fails(sink.transaction([event(site, 'after')], at(1)), 'refused');
    await sink.close();
    const next = await started(site, 'one');
    assert.is((await next.read()).position, null);
    await next.close();
    assert.equal(await site.committed('events'), []);
  });

  test('records that are sent apart: the one that Kafka refuses is named, or all arrive', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    const ahead = { ...event(site, 'ahead'), timestampMs: Date.now() + 2 * 3_600_000 };
    const records = [event(site, 'e0'), event(site, 'e1'), ahead, event(site, 'e2')];
    const error = await fails(sink.transaction(records, at(1), true), 'refused');
    assert.is(error.record, 2);
    await sink.close();
    const next = await started(site, 'one');
    assert.is((await next.read()).position, null);
    const good = records.filter((record) => record !== ahead);
    await next.transaction(good, at(1), true);
    assert.equal((await next.read()).position, at(1));
    await next.close();
    assert.equal(heard(await site.committed('events')), ['e0', 'e1', 'e2']);
  });

  test('close ends what is unanswered, and returns', async () => {
    const site = world.freshSite();
    await site.createTopic('events', 1);
    const sink = await started(site, 'one');
    site.blackHole(true);
    const waiting = sink.transaction([event(site, 'e0')], at(1));
    waiting.catch(() => {});
    await sink.close();
    await fails(waiting, 'unreachable');
    const reader = site.openSink();
    const reading = reader.read();
    reading.catch(() => {});
    await reader.close();
    await fails(reading, 'unreachable');
    site.blackHole(false);
  });

  test.run();

  async function started(site: Site, owner: string, options: SinkTimes = {}): Promise<KafkaSink> {
    // As a lane does: Kafka may still be loading what a transaction needs.
    for (let tries = 0; ; tries++) {
      const sink = site.openSink(options);
      try {
        await sink.read();
        await sink.fence(claim(owner));
        return sink;
      } catch (error) {
        await sink.close();
        if (!(error instanceof SinkError && error.kind === 'unreachable') || tries === 20)
          throw error;
      }
    }
  }
}

function claim(owner: string): Claim {
  return { lane: 0, owner, journal, host: 'test' };
}

/** The position after the n-th record. */
function at(n: number): Position {
  return { lane: 0, journal, generation: 1, offset: n, end: n + 1, check: 0xfeed + n };
}

function event(site: Site, value: string): SinkRecord {
  return {
    topic: site.topicOf('events'),
    key: Buffer.from('press-07'),
    value: Buffer.from(value),
    timestampMs: Date.now(),
    headers: {},
  };
}

function values(all: { value: string }[]): string[] {
  return all.map(({ value }) => value);
}

async function fails(promise: Promise<unknown>, kind: SinkErrorKind): Promise<SinkError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, SinkError);
    const found = error as SinkError;
    assert.is(found.kind, kind, found.message);
    return found;
  }
  throw new Error(`should have failed with '${kind}'`);
}

async function closeAll(...sinks: KafkaSink[]): Promise<void> {
  for (const sink of sinks) await sink.close();
}

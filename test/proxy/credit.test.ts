// Devices that were away for days beside devices that live: each greedy one sends whatever its credit allows, as fast as it is answered, into the
// real journal; the live ones' events pass it, each at its first try. Counted in events between two fsyncs, never in time.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { byJournal } from '../../proxy/acknowledged.js';
import { noKeys } from '../../proxy/auth/auth.js';
import { createBooks } from '../../proxy/books.js';
import { openJournal } from '../../proxy/journal/journal.js';
import { createOutcomes } from '../../proxy/outcomes.js';
import { Sessions } from '../../proxy/sessions.js';
import { Random } from '../random.js';
import { readAll } from './journal/records.js';
import { SimulatedDisk } from './journal/simulated-disk.js';
import { folder, StillClock, turn } from './journal/still-clock.js';
import { block, Peer, siteLimits } from './talk.js';

/** Of a device's only boot: no two have the same. */
const bootOf = (device: string) =>
  100 + ([...device].reduce((sum, one) => sum * 31 + one.charCodeAt(0), 7) % 1e6);
const blockEvents = 8;

interface Options {
  greedy: number;
  backlog: number;
  live: number;
  pendingBytesMax: number;
  windowEvents: number;
}

async function world({ pendingBytesMax, windowEvents }: Options) {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new StillClock(new Random(7));
  const books = createBooks();
  const outcomes = createOutcomes(clock, () => {});
  const bytesMax = 64 << 20;
  const journal = await openJournal({
    ...{ folder, disk: disk.disk, clock, books, bytesMax, pendingBytesMax },
  });
  const limits = { ...siteLimits, windowEvents };
  const sessions = new Sessions({
    ...{ clock, journal, books, outcomes, limits, keys: noKeys, allow: null },
    acknowledged: byJournal(journal),
  });
  return { disk, journal, books, outcomes, sessions };
}

/** A device with a backlog: sends what its credit allows, and again where the proxy tells it to. */
class Greedy {
  readonly peer: Peer;
  readonly #backlog: number;
  #next = 0;
  #limit = 0;
  readonly #boot: number;
  acknowledged = 0;
  sent = 0;

  constructor(sessions: Sessions, device: string, backlog: number) {
    this.peer = new Peer(sessions);
    this.#backlog = backlog;
    const boot = bootOf(device);
    this.#boot = boot;
    for (const answer of this.peer.hello([{ boot, next: backlog }], { device })) {
      if (answer.type === 'welcome') this.#limit = answer.boots[0]!.limit;
    }
    this.peer.table();
  }

  go(): void {
    for (const answer of this.peer.heard()) {
      if (answer.type !== 'ack') continue;
      this.acknowledged = answer.next;
      this.#limit = answer.limit;
      if (answer.gap === 1) this.#next = answer.next;
    }
    while (this.#next < Math.min(this.#limit, this.#backlog)) {
      const count = Math.min(blockEvents, this.#backlog - this.#next);
      this.peer.handler.received(
        this.peer.frame(this.#boot, this.#next, block(this.#next, count), count),
      );
      this.#next += count;
      this.sent += count;
    }
  }
}

async function run(options: Options) {
  const { disk, journal, books, outcomes, sessions } = await world(options);
  const greedy = Array.from(
    { length: options.greedy },
    (_, at) => new Greedy(sessions, `away-${at}`, options.backlog),
  );
  const live = Array.from({ length: options.live }, (_, at) => {
    const peer = new Peer(sessions);
    const device = `live-${at}`;
    peer.hello([{ boot: bootOf(device) }], { device });
    peer.table();
    return peer;
  });
  await turn();
  let round = 0;
  for (; greedy.some(({ acknowledged }) => acknowledged < options.backlog); round++) {
    assert.ok(round < 100_000, 'the backlog does not become less');
    for (const one of greedy) one.go();
    for (const [at, peer] of live.entries()) {
      const boot = bootOf(`live-${at}`);
      peer.data(boot, round, block(round));
      const place = journal.places(`live-${at}`)?.get(boot);
      assert.is(place?.received, round + 1, `live-${at} was not taken in round ${round}`);
    }
    await turn();
  }
  for (const peer of live) {
    const acks = peer.heard().flatMap((one) => (one.type === 'ack' ? [one.next] : []));
    assert.is(acks.at(-1), round);
  }
  const events = options.greedy * options.backlog;
  for (const one of greedy) assert.is(one.acknowledged, options.backlog);
  const order = (await readAll(disk.disk, folder, journal.syncedEnd)).flatMap(({ record }) =>
    record.kind === 'block' ? [{ device: record.device, count: record.count }] : [],
  );
  await journal.close();
  return { round, order, books, events, outcomes, sent: greedy.reduce((a, b) => a + b.sent, 0) };
}

/** The most events of others between two of the same live device. */
function longestWait(order: readonly { device: string; count: number }[], device: string): number {
  let longest = 0;
  let wait = 0;
  for (const one of order) {
    if (one.device === device) {
      longest = Math.max(longest, wait);
      wait = 0;
    } else if (one.device.startsWith('away')) wait += one.count;
  }
  return longest;
}

test('one with 50,000 events, and five that live: no more than its window lies between', async () => {
  const { order, sent, events, round } = await run({
    ...{ greedy: 1, backlog: 50_000, live: 5 },
    ...{ pendingBytesMax: 8 << 20, windowEvents: 1_024 },
  });
  for (let at = 0; at < 5; at++) {
    assert.ok(longestWait(order, `live-${at}`) <= 1_024 + blockEvents);
  }
  assert.is(sent, events, 'nothing is sent twice');
  assert.ok(round < 200, `${round} fsyncs`);
});

test('a hundred of them that want more than may wait for the disk leave room for those that live', async () => {
  const { order, sent, events, outcomes } = await run({
    ...{ greedy: 100, backlog: 2_000, live: 20 },
    ...{ pendingBytesMax: 128 << 10, windowEvents: 1_024 },
  });
  for (let at = 0; at < 20; at++) {
    // What waits for the disk is at most its bound: about 5 bytes an event, and a record's header for eight.
    assert.ok(longestWait(order, `live-${at}`) <= (128 << 10) / 10);
  }
  const refused = outcomes.counts().get('not-taken') ?? 0;
  assert.ok(sent < 1.6 * events, `${sent} sent for ${events}, ${refused} refused`);
});

test('a first credit that was too much leaves room all the same', async () => {
  const pendingBytesMax = 16 << 10;
  const { journal, sessions, outcomes } = await world({
    ...{ greedy: 1, backlog: 0, live: 1, pendingBytesMax, windowEvents: 1_024 },
  });
  const [away, live] = [new Peer(sessions), new Peer(sessions)];
  away.hello([{ boot: 5, next: 1_024 }], { device: 'away' });
  live.hello([{ boot: 6 }], { device: 'live' });
  for (const peer of [away, live]) peer.table();
  await turn();
  for (let seq = 0; seq < 1_024; seq++) {
    away.handler.received(away.frame(5, seq, block(seq), 1));
    if (outcomes.counts().has('not-taken')) break;
  }
  assert.ok(outcomes.counts().has('not-taken'), 'all of it was taken');
  live.data(6, 0, block(0));
  assert.is(journal.places('live')?.get(6)?.received, 1);
  await journal.close();
});

test.run();

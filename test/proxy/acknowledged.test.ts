// `ack: kafka`, as a device sees it: nothing is acknowledged that Kafka has not committed, and what a proxy took before its restart is
// neither taken again nor acknowledged too early.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ByKafka } from '../../proxy/acknowledged.js';
import type { Clock } from '../../proxy/clock.js';
import { crc32 } from '../../proxy/crc32.js';
import type { Position } from '../../proxy/journal/record.js';
import { MemoryJournal } from './memory-journal.js';
import { block, Peer, site } from './talk.js';

/** A site, a device with boot 7 that has said its table, and Kafka's word. */
function open(journal = new MemoryJournal(), limits = {}) {
  let acknowledged: ByKafka | undefined;
  const whole = site(limits, journal, (of, clock: Clock) => {
    acknowledged = new ByKafka(of, clock);
    return acknowledged;
  });
  const peer = new Peer(whole.sessions);
  /** Up to the n-th record of the journal, from 0. */
  const commit = (offset: number) => acknowledged?.committed(positionAt(journal, offset));
  return { ...whole, peer, commit, greet: (lowest = 0, next = 0) => greet(peer, lowest, next) };
}

function greet(peer: Peer, lowest: number, next: number) {
  // Of the block with seq 0, by which each of these begins.
  const fingerprint = next === 0 ? null : crc32(block(1_000, next > 2 ? 3 : 1));
  const [answer] = peer.hello([{ boot: 7, lowest, next, fingerprint }]);
  peer.table();
  return answer;
}

function positionAt(journal: MemoryJournal, offset: number): Position {
  return { lane: 0, journal: journal.id, generation: 1, offset, end: offset + 1, check: 0 };
}

const ack = (next: number, limit: number, gap = 0) => ({ type: 'ack', boot: 7, next, limit, gap });

test('what is durable is acknowledged once Kafka has it, and not before', () => {
  const { journal, peer, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000, 3), 3);
  peer.data(7, 3, block(2_000, 2), 2);
  journal.sync();
  assert.equal(peer.heard(), []);
  commit(1); // the first block, behind the table
  assert.equal(peer.heard(), []);
  commit(2);
  assert.equal(peer.heard(), [ack(5, 261)]);
});

test('each fsync is a step: Kafka may have the first and not the second', () => {
  const { journal, peer, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000, 3), 3);
  journal.sync();
  peer.data(7, 3, block(2_000, 2), 2);
  journal.sync();
  commit(1);
  assert.equal(peer.heard(), [ack(3, 259)]);
  commit(2);
  assert.equal(peer.heard(), [ack(5, 261)]);
});

test('credit is given for what Kafka has, so that no more than a window waits', () => {
  const { journal, peer, count, commit, greet } = open(new MemoryJournal(), { windowEvents: 4 });
  assert.equal(greet(), {
    ...{ type: 'welcome', nonce: 1, wallMs: 1_763_956_800_000, lacking: [0] },
    boots: [{ boot: 7, next: 0, limit: 4 }],
  });
  peer.data(7, 0, block(1_000, 4), 4);
  journal.sync();
  peer.data(7, 4, block(2_000));
  assert.is(count('beyond-credit'), 1);
  commit(1);
  assert.equal(peer.heard(), [ack(4, 8, 1)]);
  peer.data(7, 4, block(2_000));
  assert.is(count('beyond-credit'), 1);
});

test('a gap is answered when Kafka has what came before it', () => {
  const { journal, peer, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000));
  peer.data(7, 2, block(3_000));
  journal.sync();
  assert.equal(peer.heard(), []);
  commit(1);
  assert.equal(peer.heard(), [ack(1, 257, 1)]);
});

test('what came again is no second event, and no reason to acknowledge', () => {
  const { journal, peer, count, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000));
  journal.sync();
  assert.equal(peer.data(7, 0, block(1_000)), []);
  assert.is(count('duplicate'), 1);
  commit(1);
  assert.equal(peer.heard(), [ack(1, 257)]);
  assert.equal(peer.data(7, 0, block(1_000)), [ack(1, 257)]);
  assert.is(journal.records.filter(({ kind }) => kind === 'block').length, 1);
});

test('while Kafka is away a device hears every two seconds that its events wait', () => {
  const { clock, journal, peer, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000));
  journal.sync();
  for (let times = 0; times < 3; times++) {
    clock.advance(2_000);
    assert.equal(peer.heard(), [ack(0, 256)]);
  }
  commit(1);
  assert.equal(peer.heard(), [ack(1, 257)]);
  clock.advance(2_000);
  clock.advance(2_000);
  assert.equal(peer.heard(), []);
});

test('after a restart: sent again, taken once, acknowledged when Kafka has it', () => {
  const before = open();
  before.greet();
  before.peer.data(7, 0, block(1_000, 3), 3);
  before.journal.sync();
  before.peer.data(7, 3, block(2_000));
  before.journal.sync();
  const { journal, peer, commit, greet } = open(before.journal.afterCrash());
  const welcome = greet(0, 4);
  assert.is(welcome?.type === 'welcome' && welcome.boots[0]?.next, 0);
  peer.data(7, 0, block(1_000, 3), 3);
  peer.data(7, 3, block(2_000));
  peer.data(7, 4, block(3_000));
  journal.sync();
  // Where the first block ends is not known any more.
  commit(1);
  assert.equal(peer.heard(), []);
  commit(2);
  assert.equal(peer.heard(), [ack(4, 260)]);
  commit(3);
  assert.equal(peer.heard(), [ack(5, 261)]);
  const blocks = journal.records.filter((record) => record.kind === 'block');
  assert.equal(
    blocks.map(({ first, count }) => [first, count]),
    [[0, 3], [3, 1], [4, 1]], // biome-ignore format: three blocks
  );
});

test('after a restart: what the journal saw committed is acknowledged at once', () => {
  const before = open();
  before.greet();
  before.peer.data(7, 0, block(1_000, 3), 3);
  before.journal.sync();
  const found = before.journal.afterCrash();
  found.confirm(positionAt(found, 1));
  const { greet } = open(found);
  const welcome = greet(0, 3);
  assert.is(welcome?.type === 'welcome' && welcome.boots[0]?.next, 3);
});

test('a boot that was forgotten and a fsync that failed leave nothing that waits for ever', () => {
  const { clock, journal, peer, commit, greet } = open();
  greet();
  peer.data(7, 0, block(1_000));
  journal.sync();
  peer.data(7, 1, block(2_000));
  journal.fail();
  assert.equal(peer.heard(), [{ type: 'reset', reason: 5, retryMs: 2_000 }]);
  const welcome = greet(0, 2);
  assert.is(welcome?.type === 'welcome' && welcome.boots[0]?.next, 0);
  commit(1);
  assert.equal(peer.heard(), [ack(1, 257)]);
  journal.forget('mote-1', [7]);
  clock.advance(2_000);
  assert.equal(peer.heard(), []);
});

test.run();

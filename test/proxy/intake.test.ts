import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32 } from '../../proxy/crc32.js';
import type { HelloBoot } from '../../proxy/message.js';
import { block, Peer, site } from './talk.js';
import { fromHex } from './vectors.js';

type World = ReturnType<typeof live>;

/** A device with its table durable. */
function live(boots: Partial<HelloBoot>[] = [{ boot: 5 }], limits = {}, flags = 0) {
  const world = site(limits);
  const peer = new Peer(world.sessions);
  peer.hello(boots, { flags });
  peer.table();
  world.journal.sync();
  peer.heard();
  return { ...world, peer };
}

const ack = (next: number, limit: number, gap = 0, boot = 5) => ({
  ...{ type: 'ack', boot, next, limit, gap },
});

const losses = ({ journal }: World) =>
  journal.records.flatMap((one) =>
    one.kind === 'loss' ? [[one.boot, one.from, one.to, one.reason]] : [],
  );

const blocks = ({ journal }: World) =>
  journal.records.flatMap((one) =>
    one.kind === 'block' ? [[one.boot, one.first, one.count, one.from]] : [],
  );

function welcomed(world: World, boots: Partial<HelloBoot>[], flags = 0) {
  const answers = world.peer.hello(boots, { flags });
  return answers.flatMap((answer) => (answer.type === 'welcome' ? answer.boots : []));
}

test('nothing is acknowledged before its fsync', () => {
  const { peer, journal } = live();
  assert.equal(peer.data(5, 0, block(1, 3), 3), []);
  journal.sync();
  assert.equal(peer.heard(), [ack(3, 259)]);
});

test('a duplicate is counted and answered with what is durable', () => {
  const world = live();
  const { peer, journal, count, books } = world;
  peer.data(5, 0, block(1, 3), 3);
  assert.equal(peer.data(5, 0, block(1, 3), 3), [], 'its fsync will answer');
  journal.sync();
  assert.equal(peer.heard(), [ack(3, 259)]);
  assert.equal(peer.data(5, 0, block(1, 3), 3), [ack(3, 259)]);
  assert.is(count('duplicate'), 2);
  assert.is(books.account('mote-1').resent, 6);
  assert.is(blocks(world).length, 1);
});

test('a block across what was received is cut', () => {
  const world = live();
  world.peer.data(5, 0, block(1, 3), 3);
  world.peer.data(5, 1, block(2, 5), 5);
  assert.equal(blocks(world), [
    [5, 0, 3, 0],
    [5, 1, 5, 3],
  ]);
  world.peer.data(5, 4, fromHex('8100'), 10);
  assert.equal(losses(world), [[5, 6, 14, 'overflow']]);
});

test('a gap is reported once all is durable, and once until there is progress', () => {
  const world = live();
  const { peer, journal, count } = world;
  peer.data(5, 0, block(1));
  assert.equal(peer.data(5, 2, block(3)), [], 'seq 0 is not durable yet');
  journal.sync();
  assert.equal(peer.heard(), [ack(1, 257, 1)]);
  assert.equal(peer.data(5, 3, block(3)), []);
  assert.is(count('gap'), 2);
  peer.data(5, 1, block(2));
  peer.data(5, 3, block(4));
  journal.sync();
  assert.equal(peer.heard(), [ack(2, 258, 1)]);
  assert.equal(blocks(world).length, 2);
});

test('a gap at once where nothing waits for the disk', () => {
  const { peer } = live();
  assert.equal(peer.data(5, 7, block(3)), [ack(0, 256, 1)]);
});

test('credit: beyond it nothing is taken; it never falls in a session', () => {
  const world = live([{ boot: 5 }], { windowEvents: 4 });
  const { peer, journal, count } = world;
  peer.data(5, 0, block(1, 4), 4);
  peer.data(5, 4, block(9));
  assert.is(count('beyond-credit'), 1);
  journal.sync();
  assert.equal(peer.heard(), [ack(4, 8, 1)]);
  journal.setWritable(false);
  assert.equal(welcomed(world, [{ boot: 5, next: 9 }]), [{ boot: 5, next: 4, limit: 8 }]);
});

test('a journal that can take no more adds no credit, and says when it can', () => {
  const world = live([{ boot: 5 }], { windowEvents: 4 });
  const { peer, journal, count } = world;
  peer.data(5, 0, block(1, 2), 2);
  journal.setWritable(false);
  journal.sync();
  assert.equal(peer.heard(), [ack(2, 4)]);
  assert.equal(peer.data(5, 2, block(4, 2), 2), []);
  assert.is(count('not-taken'), 1);
  const late = new Peer(world.sessions);
  late.hello([{ boot: 9 }], { device: 'mote-2' });
  journal.setWritable(true);
  assert.equal(peer.heard(), [ack(2, 6, 1)]);
  assert.equal(late.heard(), [ack(0, 4, 0, 9)]);
  assert.equal(blocks(world), [[5, 0, 2, 0]]);
});

test('the window follows the size of events in bytes', () => {
  const { peer, journal } = live([{ boot: 5 }], { windowEvents: 1_000, windowBytes: 2_000 });
  peer.data(5, 0, block(1));
  journal.sync();
  const [first] = peer.heard();
  const bytesPerEvent = block(1).length / 4;
  assert.equal(first, ack(1, 1 + Math.floor(2_000 / bytesPerEvent)) as typeof first);
});

test('one device has a bounded number of bytes that wait for the disk', () => {
  const note = fromHex(`00646e6f746500590300${'00'.repeat(768)}`);
  const { peer, journal, count } = live([{ boot: 5 }], { windowBytes: 1_000 });
  for (let seq = 0; seq < 20; seq++) peer.data(5, seq, note);
  assert.is(count('not-taken') > 0, true);
  const taken = journal.records.filter((one) => one.kind === 'block').length;
  assert.ok(taken * note.length <= 4_000 + note.length);
  journal.sync();
  const [answer] = peer.heard();
  assert.is(answer?.type === 'ack' && answer.gap, 1);
  assert.equal(peer.data(5, taken, note), []);
  assert.is(journal.records.filter((one) => one.kind === 'block').length, taken + 1);
});

test('what can not be decoded is rejected under its seqs and acknowledged', () => {
  const world = live();
  const { peer, journal, count } = world;
  peer.data(5, 0, block(1));
  peer.data(5, 1, fromHex('186400010138310101'), 2);
  peer.data(5, 3, block(9));
  assert.equal(losses(world), [[5, 1, 3, 'undecodable']]);
  assert.is(count('undecodable'), 1);
  journal.sync();
  assert.equal(peer.heard(), [ack(4, 260)]);
});

test('lost ranges need no table', () => {
  const world = site();
  const peer = new Peer(world.sessions);
  peer.hello([{ boot: 5 }], { tables: [] });
  for (const [seq, bytes] of ['8100', '8101', '8102'].entries()) {
    peer.data(5, seq * 10, fromHex(bytes), 10);
  }
  assert.equal(losses({ ...world, peer }), [
    [5, 0, 10, 'overflow'],
    [5, 10, 20, 'refused'],
    [5, 20, 30, 'damaged'],
  ]);
});

test('DATA of a boot that WELCOME did not name is answered by RESET 0', () => {
  const { peer, count } = live();
  assert.equal(peer.data(6, 0, block(1)), [{ type: 'reset', reason: 0, retryMs: 0 }]);
  assert.is(count('boot-not-welcomed'), 1);
});

test('a lowest seq above what was received is a loss', () => {
  const world = live();
  const { peer, journal } = world;
  peer.data(5, 0, block(1, 3), 3);
  journal.sync();
  assert.equal(welcomed(world, [{ boot: 5, lowest: 10, next: 20 }]), [
    { boot: 5, next: 10, limit: 266 },
  ]);
  assert.equal(losses(world), [[5, 3, 10, 'unknown']]);
  peer.data(5, 10, block(2));
  welcomed(world, [{ boot: 5, lowest: 10, next: 20 }]);
  assert.is(losses(world).length, 1);
});

test('a boot without a place begins at its lowest seq; what lies before was perhaps delivered', () => {
  const world = live([{ boot: 5, lowest: 100, next: 120 }]);
  const { peer, journal } = world;
  assert.equal(losses(world), []);
  assert.equal(peer.data(5, 99, block(2)), [ack(100, 356)], 'a duplicate, for all we know');
  assert.equal(peer.data(5, 100, block(2)), []);
  assert.equal(losses(world), [[5, 0, 100, 'perhaps-delivered']]);
  journal.sync();
  assert.equal(peer.heard(), [ack(101, 357)]);
});

test('two boots with one number: other fingerprint', () => {
  const world = live();
  const { peer, journal, count } = world;
  peer.data(5, 0, block(1));
  journal.sync();
  const same = crc32(block(1));
  assert.is(welcomed(world, [{ boot: 5, next: 1, fingerprint: same }])[0]?.boot, 5);
  const [given] = welcomed(world, [{ boot: 5, next: 1, fingerprint: 99 }]);
  assert.equal(given, { boot: 1_763_956_800, next: 0, limit: 256 });
  assert.is(count('renumbered'), 1);
  world.clock.advance(5_000);
  const [again] = welcomed(world, [{ boot: 5, next: 1, fingerprint: 99 }]);
  assert.is(again?.boot, 1_763_956_800);
  peer.data(1_763_956_800, 0, block(7));
  assert.equal(blocks(world), [
    [5, 0, 1, 0],
    [1_763_956_800, 0, 1, 0],
  ]);
  assert.equal(losses(world), [[5, 1, null, 'tail-unknown']]);
});

test('two boots with one number: more was received than the device has numbered', () => {
  const world = live();
  world.peer.data(5, 0, block(1, 3), 3);
  const fingerprint = crc32(block(1, 3));
  assert.is(welcomed(world, [{ boot: 5, next: 3, fingerprint }])[0]?.boot, 5);
  assert.is(welcomed(world, [{ boot: 5, next: 2, fingerprint }])[0]?.boot, 1_763_956_800);
});

test('[W-5] two boots with one number: the running one has no fingerprint, and its place has one', () => {
  const world = live();
  const { peer, journal } = world;
  peer.data(5, 0, block(1, 3), 3);
  journal.sync();
  // Its first event was refused, and it has numbered more than the other one sent.
  const [given] = welcomed(world, [{ boot: 5, next: 4, fingerprint: null }]);
  assert.equal(given, { boot: 1_763_956_800, next: 0, limit: 256 });
  assert.is(world.count('renumbered'), 1);
  const [again] = welcomed(world, [{ boot: 5, next: 4, fingerprint: null }]);
  assert.is(again?.boot, 1_763_956_800);
});

test('[W-5] a boot without a fingerprint is the same life where its place has none either, or where it is over', () => {
  const world = live();
  const { peer, journal } = world;
  peer.data(5, 0, Uint8Array.of(0x81, 1), 1);
  peer.data(5, 1, block(1));
  journal.sync();
  assert.is(welcomed(world, [{ boot: 5, next: 4, fingerprint: null }])[0]?.boot, 5);
  const other = live();
  other.peer.data(5, 0, block(1, 3), 3);
  other.journal.sync();
  const boots = [{ boot: 5, lowest: 1, next: 4, fingerprint: null }, { boot: 6 }];
  assert.is(welcomed(other, boots)[0]?.boot, 5, 'it does not hold its first block any more');
});

test('boots that HELLO lists no more have ended, with a tail that nobody knows', () => {
  const world = live([{ boot: 5 }, { boot: 6 }]);
  const { peer, journal } = world;
  peer.data(5, 0, block(1, 3), 3);
  peer.data(6, 0, block(1));
  journal.sync();
  assert.equal(losses(world), [], 'boot 5 is listed still');
  welcomed(world, [{ boot: 6, next: 1 }, { boot: 7 }]);
  peer.table();
  peer.data(7, 0, block(1));
  assert.equal(losses(world), [[5, 3, null, 'tail-unknown']]);
  peer.data(7, 1, block(1));
  assert.is(losses(world).length, 1);
  assert.equal(journal.forgotten, [['mote-1', [5]]]);
});

test('a boot that was drained while it was listed is forgotten when HELLO drops it, and no tail is said', () => {
  const world = live([{ boot: 5 }, { boot: 6 }]);
  const { peer, journal } = world;
  peer.data(5, 0, block(1, 3), 3);
  peer.data(6, 0, block(1));
  journal.sync();
  welcomed(world, [{ boot: 6, next: 1 }]);
  assert.equal(journal.forgotten, [['mote-1', [5]]]);
  welcomed(world, [{ boot: 7 }]);
  peer.table();
  peer.data(7, 0, block(1));
  assert.equal(losses(world), [[6, 1, null, 'tail-unknown']]);
});

test('the end of a boot is said once, by a proxy too that begins anew before its place is forgotten', () => {
  const world = live([{ boot: 5 }]);
  const { peer, journal } = world;
  peer.data(5, 0, block(1, 3), 3);
  welcomed(world, [{ boot: 6 }]);
  peer.table();
  // The journal has not forgotten it yet.
  journal.forget = () => {};
  peer.data(6, 0, block(1));
  journal.sync();
  const [said] = losses(world);
  assert.equal(said, [5, 3, null, 'tail-unknown']);
  const after = site({}, journal.afterCrash());
  const next = new Peer(after.sessions);
  next.hello([{ boot: 7 }]);
  next.table();
  next.data(7, 0, block(1));
  const more = after.journal.records.slice(journal.records.length);
  const ends = more.flatMap((one) => (one.kind === 'loss' ? [[one.boot, one.from, one.to]] : []));
  assert.equal(ends, [[6, 1, null]]);
  assert.equal(after.journal.forgotten, [
    ['mote-1', [5]],
    ['mote-1', [6]],
  ]);
});

test('the boot before, as the device stored it', () => {
  const world = live([{ boot: 5 }]);
  const { peer } = world;
  peer.data(5, 0, block(1, 3), 3);
  welcomed(world, [{ boot: 6 }]);
  peer.data(6, 0, Uint8Array.from([...fromHex('820508'), ...block(1)]));
  assert.equal(losses(world), [
    [5, 3, 8, 'unknown'],
    [5, 8, null, 'tail-unknown'],
  ]);
});

test('the time of an event is its uptime in the running boot', () => {
  const world = live();
  const { peer, clock, journal } = world;
  const helloAt = clock.wallMs;
  clock.advance(500);
  peer.data(5, 0, block(1_200), 1, 1_500);
  const record = journal.records.at(-1);
  assert.ok(record?.kind === 'block');
  if (record?.kind !== 'block') return;
  assert.is(record.quality, 'synced');
  assert.is(record.arrivalMs, helloAt + 500);
  assert.is(1_200 + record.offsetMs, helloAt + 200, 'HELLO was said at uptime 1,000');
  assert.is(record.lastTimeMs, helloAt + 200);
});

test('quality: uptime that stops, an anchor, and nothing known', () => {
  const stops = live([{ boot: 5 }], {}, 2);
  stops.peer.data(5, 0, block(1), 1, 1_000);
  const anchored = live([{ boot: 4, next: 9 }, { boot: 5 }]);
  const anchor = fromHex('831903e81b0000019ab404ba7b14');
  anchored.clock.advance(5_000);
  anchored.peer.data(4, 0, Uint8Array.from([...anchor, ...block(2_000)]));
  anchored.peer.data(4, 1, block(3_000));
  const unknown = live([{ boot: 4, next: 9 }, { boot: 5 }]);
  unknown.peer.data(4, 0, block(2_000));
  const seen = [stops, anchored, unknown].map(({ journal }) =>
    journal.records.flatMap((one) => (one.kind === 'block' ? [[one.quality, one.lastTimeMs]] : [])),
  );
  assert.equal(seen, [
    [['estimated', 1_763_956_800_000 - 999]],
    [
      ['estimated', 1_763_956_801_123],
      ['estimated', 1_763_956_802_123],
    ],
    [['unknown', 1_763_956_800_000]],
  ]);
});

test.run();

import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Seat } from '../../../proxy/limits/addresses.js';
import { allowOf } from '../../../proxy/limits/allow.js';
import { Bucket } from '../../../proxy/limits/bucket.js';
import { block, helloBody, motesBytes, Peer, site, TestClock } from '../talk.js';
import { addressesOf } from './addresses-of.js';

// What one device and one address may have: a device is slowed by its credit before anything is refused, and a refusal has its reason on the wire.

const BOOT = 77;

function live(limits: Parameters<typeof site>[0], allow: Parameters<typeof site>[4] = null) {
  const world = site(limits, undefined, undefined, undefined, allow);
  const peer = new Peer(world.sessions);
  const [welcome] = peer.hello([{ boot: BOOT }]);
  peer.table();
  world.journal.sync();
  return { ...world, peer, welcome };
}

test('a bucket: a burst, then its rate; what was taken too much is made up for', () => {
  const bucket = new Bucket(10, 50, 0);
  assert.is(bucket.left(0), 50);
  bucket.take(60, 0);
  assert.is(bucket.left(0), -10);
  assert.is(bucket.waitMs(0, 0), 1_000);
  assert.is(bucket.waitMs(5, 0), 1_500);
  assert.is(bucket.left(2_000), 10);
  assert.is(bucket.left(60_000), 50, 'no more than the burst');
  assert.is(bucket.waitMs(1_000, 60_000), 0, 'nor waits for more than it can hold');
});

test('events a second are credit: a burst at once, then as they come, and nothing is refused of who keeps to it', () => {
  const { peer, welcome, clock, journal, count } = live({ eventsPerSecond: 10, burstSeconds: 2 });
  assert.equal(welcome?.type === 'welcome' && welcome.boots[0]?.limit, 20);
  let next = 0;
  let limit = 20;
  const hear = () => {
    for (const answer of peer.heard()) if (answer.type === 'ack') limit = answer.limit;
  };
  const sendAll = () => {
    while (next < limit) peer.data(BOOT, next++, block(2_000 + next));
    journal.sync();
    hear();
  };
  sendAll();
  assert.is(limit, 20, 'its burst is used up');
  for (let tenth = 0; tenth < 100; tenth++) {
    clock.advance(100);
    hear();
    sendAll();
  }
  assert.ok(limit >= 110 && limit <= 120, `${limit} in 10 s`);
  assert.is(count('beyond-credit'), 0);
});

test('who does not keep to its credit is refused, told by an ACK, and gets no more', () => {
  const { peer, journal, count } = live({ eventsPerSecond: 10, burstSeconds: 2 });
  for (let seq = 0; seq < 100; seq++) peer.data(BOOT, seq, block(2_000 + seq));
  journal.sync();
  assert.is(journal.places('mote-1')?.get(BOOT)?.durable, 20);
  assert.is(count('beyond-credit') + count('gap'), 80);
  const ack = peer.heard().findLast(({ type }) => type === 'ack');
  assert.ok(ack?.type === 'ack' && ack.next === 20 && ack.limit === 20 && ack.gap === 1);
});

test('bytes a second, too; all boots of a device together; another device has its own', () => {
  const { peer, sessions, journal, clock } = live({ bytesPerSecond: 64, burstSeconds: 10 });
  for (let seq = 0; seq < 100; seq++) peer.data(BOOT, seq, block(2_000 + seq));
  journal.sync();
  const again = peer.hello([{ boot: BOOT }, { boot: BOOT + 1 }], { nonce: 2 }).at(-1);
  assert.ok(again?.type === 'welcome');
  // What it took too much is made up for: in 20 s it has had its burst and 20 times 64.
  for (let second = 0; second < 20; second++) {
    clock.advance(1_000);
    peer.heard();
    for (let event = 0; event < 50; event++) {
      const seq = journal.places('mote-1')?.get(BOOT)?.received ?? 0;
      peer.data(BOOT, seq, block(3_000 + seq));
    }
    journal.sync();
  }
  const after = (journal.places('mote-1')?.get(BOOT)?.durable ?? 0) * block(2_000).length;
  assert.ok(after >= 1_500 && after <= 640 + 20 * 64 + 64, `${after} bytes in 20 s`);
  const other = new Peer(sessions);
  const [welcome] = other.hello([{ boot: 5 }], { device: 'mote-2' });
  assert.ok(welcome?.type === 'welcome' && welcome.boots[0]!.limit > 0);
});

test('a range of lost events is one thing to take, however long it is: a device that reports what it lost is not silenced by its rate', () => {
  const { peer, clock, journal } = live({ eventsPerSecond: 10, burstSeconds: 2 });
  const many = 1_000_000;
  peer.data(BOOT, 0, Uint8Array.of(0x81, 0), many);
  journal.sync();
  clock.advance(1_000);
  peer.heard();
  const [welcome] = peer.hello([{ boot: BOOT, lowest: many, next: many + 1 }], { nonce: 2 });
  assert.ok(welcome?.type === 'welcome' && welcome.boots[0]!.limit > many, 'it has credit');
  peer.data(BOOT, many, block(2_000));
  journal.sync();
  assert.is(journal.places('mote-1')?.get(BOOT)?.durable, many + 1);
});

test('an event that is larger than its burst of bytes comes all the same, when it is made up for', () => {
  const { peer, journal, clock } = live({ bytesPerSecond: 1, burstSeconds: 5 });
  const durable = () => journal.places('mote-1')?.get(BOOT)?.durable ?? 0;
  for (let second = 0; second < 60; second++) {
    peer.data(BOOT, durable(), block(2_000 + second));
    journal.sync();
    clock.advance(1_000);
    peer.hello([{ boot: BOOT, next: durable() + 1 }], { nonce: 2 + second });
  }
  const bytes = durable() * block(2_000).length;
  assert.ok(bytes > 30 && bytes <= 5 + 60 + 2 * 64, `${bytes} bytes in a minute`);
});

test('streams that a device may write: a table with another one is not taken, nor its events', () => {
  const allow = allowOf([
    { devices: ['mote-*'], streams: ['climate', 'alarm.*'] },
    { devices: ['press-[7]'], streams: ['*'] },
  ])!;
  assert.ok(allow('mote-1', 'climate') && allow('mote-', 'alarm.door') && allow('press-[7]', 'x'));
  assert.not.ok(
    allow('mote-1', 'climates') || allow('press-7', 'x') || allow('amote-1', 'climate'),
  );
  assert.not.ok(allow('mote-1', 'alarm'));
  const { peer, journal, count } = live({}, allowOf([{ devices: ['mote-1'], streams: ['notes'] }]));
  assert.is(count('stream-not-allowed'), 1);
  assert.equal(peer.heard(), []);
  assert.is(journal.tableCount('mote-1'), 0);
  // What is behind the table in the same segment hears no other reason.
  assert.equal(peer.data(BOOT, 0, block(2_000)), []);
  assert.equal([count('stream-not-allowed'), count('table-lacking')], [2, 0]);
  const one = live({}, (_device, stream) => stream !== 'secret');
  const undeclared = Uint8Array.from([0x19, 0x07, 0xd0, 0x66, ...Buffer.from('secret'), 0, 1]);
  const [reset] = one.peer.data(BOOT, 0, undeclared);
  assert.equal(reset, { type: 'reset', reason: 4, retryMs: 60_000 });
  one.journal.sync();
  assert.is(one.journal.places('mote-1')?.get(BOOT)?.received ?? 0, 0);
  // It is not lost: once it is allowed, it comes.
  assert.is(one.count('undecodable'), 0);
});

test('a table that was taken before the rule is looked at again', () => {
  const rules = { forbidden: false };
  const { peer, journal, count } = live({}, () => !rules.forbidden);
  rules.forbidden = true;
  peer.hello([{ boot: BOOT }], { nonce: 2 });
  assert.equal(peer.data(BOOT, 0, block(2_000)), [{ type: 'reset', reason: 4, retryMs: 60_000 }]);
  assert.is(count('stream-not-allowed'), 1);
  assert.is(journal.places('mote-1')?.get(BOOT)?.received ?? 0, 0);
});

test('tables of a device', () => {
  const { peer, count, journal } = live({ tablesPerDeviceMax: 1 });
  const other = Uint8Array.from([...motesBytes.slice(0, -1), 3]);
  peer.hello([{ boot: BOOT }], { nonce: 2, tables: [idOf(other)] });
  assert.equal(peer.table(0, other), [{ type: 'reset', reason: 5, retryMs: 60_000 }]);
  assert.is(count('tables-max'), 1);
  assert.is(journal.tableCount('mote-1'), 1);
});

test('boots of a device, and of all: one too many is told to come later, and what is known goes on', () => {
  const { peer, sessions, count, journal, clock } = live({ bootsPerDeviceMax: 17, bootsMax: 18 });
  peer.data(BOOT, 0, block(2_000));
  journal.sync();
  peer.heard();
  const boots = Array.from({ length: 16 }, (_, index) => ({ boot: 100 + index }));
  assert.is(peer.hello(boots, { nonce: 2 })[0]?.type, 'welcome');
  for (const { boot } of boots.slice(0, 15)) peer.data(boot, 0, block(2_000));
  journal.sync();
  peer.heard();
  const more = boots.map(({ boot }) => ({ boot: boot + 100 }));
  assert.equal(peer.hello(more, { nonce: 3 }), [{ type: 'reset', reason: 5, retryMs: 60_000 }]);
  assert.is(peer.hello(boots, { nonce: 4 })[0]?.type, 'welcome');
  assert.is(count('boots-max'), 1);
  clock.advance(10_000);
  const others = [1, 2, 3, 4, 5].map((n) => {
    const other = new Peer(sessions);
    const [answer] = other.hello([{ boot: n }], { device: `other-${n}` });
    other.table();
    journal.sync();
    other.data(n, 0, block(2_000));
    journal.sync();
    return answer?.type;
  });
  // The one of which nothing came counts too: its device is connected.
  assert.equal(others, ['welcome', 'welcome', 'reset', 'reset', 'reset']);
});

test('boots that a device only says it has are its own too: it does not use up what there is of all', () => {
  const { peer, sessions, count, clock } = live({ bootsPerDeviceMax: 32, bootsMax: 96 });
  for (let round = 0; round < 20; round++) {
    const boots = Array.from({ length: 16 }, (_, index) => ({ boot: 1_000 + round * 16 + index }));
    peer.hello(boots, { nonce: 10 + round });
  }
  assert.ok(count('boots-max') > 0);
  const other = new Peer(sessions);
  assert.is(other.hello([{ boot: 7 }], { device: 'other' })[0]?.type, 'welcome');
  // What nothing came of is forgotten, so that a device that only says HELLO anew is not kept out.
  clock.advance(10_000);
  assert.is(peer.hello([{ boot: 9_000 }], { nonce: 99 })[0]?.type, 'welcome');
});

test('what connected devices were given counts as long as they are, also where nothing came of it', () => {
  const { sessions, clock, count } = live({ bootsPerDeviceMax: 17, bootsMax: 17 });
  const given: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 17; n++) {
      const [answer] = new Peer(sessions).hello([{}], { device: `r${round}-${n}` });
      if (answer?.type === 'welcome') given.push(answer.boots[0]!.boot);
    }
    clock.advance(10_300);
  }
  assert.is(given.length, 16, 'and the one that was there');
  assert.is(new Set(given).size, given.length);
  assert.is(count('boots-max'), 3 * 17 - 16);
});

test('of connections one address has its share, and so of those that wait for a device', () => {
  const clock = new TestClock();
  const addresses = addressesOf(10, clock, { unprovenMax: 6, addressShare: 0.5 });
  let open = 0;
  const seats = new Map<string, Seat[]>();
  const connect = (address: string) => {
    const seat = addresses.connect(address, open);
    if (typeof seat === 'string') return seat;
    open++;
    seats.set(address, [...(seats.get(address) ?? []), seat]);
    return null;
  };
  const ask = (address: string, times: number) =>
    Array.from({ length: times }, () => connect(address) ?? 'in').join(' ');
  assert.is(ask('a', 4), 'in in in unproven-max');
  for (const seat of seats.get('a') ?? []) seat.prove();
  assert.is(ask('a', 3), 'in in address-connections-max');
  assert.is(ask('b', 4), 'in in in unproven-max');
  assert.is(ask('c', 2), 'in unproven-max', 'of all together');
  seats.get('b')?.[0]?.prove();
  assert.is(ask('c', 1), 'in');
  assert.is(ask('d', 1), 'connections-max');
  seats.get('b')?.[0]?.leave();
  open -= 1;
  assert.is(ask('d', 1), 'unproven-max');
});

test('bytes of an address: beyond its burst it is not read for as long as it was too fast', () => {
  const clock = new TestClock();
  const addresses = addressesOf(10, clock, { addressBytesPerSecond: 1_000, burstSeconds: 2 });
  assert.is(addresses.read('a', 9_999), 0, 'whoever has no connection');
  addresses.connect('a', 0);
  assert.is(addresses.read('a', 2_000), 0);
  assert.is(addresses.read('a', 500), 500);
  clock.advance(500);
  assert.is(addresses.read('a', 0), 0);
});

test('an address that is too fast does not get another burst by connecting anew', () => {
  const clock = new TestClock();
  const addresses = addressesOf(10, clock, { addressBytesPerSecond: 1_000, burstSeconds: 2 });
  const again = () => {
    const seat = addresses.connect('a', 0);
    assert.ok(typeof seat !== 'string');
    return seat;
  };
  let seat = again();
  assert.is(addresses.read('a', 2_500), 500);
  seat.leave();
  seat = again();
  assert.is(addresses.read('a', 0), 500);
  seat.leave();
  clock.advance(2_600);
  assert.is(addresses.size, 0, 'and is forgotten when it has made up for it');
  again();
  assert.is(addresses.read('a', 2_000), 0);
});

test('a gateway behind which nobody is known keeps its connection until another needs the place', () => {
  const addresses = addressesOf(10, new TestClock(), { unprovenMax: 4, addressShare: 0.5 });
  const ended: string[] = [];
  const connect = (address: string) => {
    const seat = addresses.connect(address, 0);
    assert.ok(typeof seat !== 'string', `${address}: ${seat}`);
    return seat;
  };
  const idle = (address: string, name: string) => {
    const seat = connect(address);
    seat.mayEnd(() => {
      ended.push(name);
      seat.leave();
    });
    return seat;
  };
  idle('a', 'a1');
  idle('a', 'a2');
  idle('b', 'b1');
  const known = idle('b', 'b2');
  assert.equal(ended, []);
  idle('a', 'a3');
  assert.equal(ended, ['a1'], 'of its own address, where that has its share');
  known.prove();
  connect('c');
  connect('c');
  assert.equal(ended, ['a1', 'a2'], 'else the one that waits for longest');
  assert.is(addresses.connect('c', 0), 'unproven-max', 'who is waited for stays');
});

test("a gateway's line on which nobody is known takes a place, and gives it back", () => {
  const addresses = addressesOf(10, new TestClock(), { unprovenMax: 3, addressShare: 1 });
  const gateway = addresses.connect('a', 0);
  assert.ok(typeof gateway !== 'string');
  const [one, two] = [gateway.line(), gateway.line()];
  assert.ok(one !== null && two !== null);
  gateway.mayEnd(() => assert.unreachable('the connection of the line itself'));
  assert.is(gateway.line(), null);
  one.prove();
  const three = gateway.line();
  assert.ok(three !== null);
  for (const line of [one, two, three]) line.leave();
  gateway.leave();
  assert.is(addresses.size, 0);
});

function idOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

test('a HELLO in which a limit is met has changed nothing of the session that is live', () => {
  const { peer, sessions } = live({ bootsPerDeviceMax: 17 });
  const boots = Array.from({ length: 16 }, (_, index) => ({ boot: 200 + index }));
  for (let round = 0; round < 3; round++) {
    const many = boots.map(({ boot }) => ({ boot: boot + round * 100 }));
    peer.say(helloBody(many, { nonce: 50 + round }));
  }
  assert.is(peer.session.state, 'live');
  assert.is(sessions.count, 1);
});

test.run();

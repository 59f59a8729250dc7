import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32 } from '../../proxy/crc32.js';
import { BootOwners } from '../../proxy/places.js';
import { Sessions } from '../../proxy/sessions.js';
import { MemoryJournal } from './memory-journal.js';
import { block, Peer, site } from './talk.js';

test('a new channel of a device takes over, and the old one is closed', () => {
  const { sessions, count } = site();
  const old = new Peer(sessions);
  old.hello([{ boot: 5 }]);
  const other = new Peer(sessions);
  other.hello([{ boot: 5 }], { device: 'mote-2' });
  const fresh = new Peer(sessions);
  assert.is(fresh.hello([{ boot: 5 }])[0]?.type, 'welcome');
  assert.ok(old.closed);
  assert.not(other.closed);
  assert.is(count('replaced'), 1);
  assert.is(sessions.count, 2);
  fresh.handler.closed();
  other.handler.closed();
  assert.is(sessions.count, 0);
});

test('an invalid HELLO replaces nobody', () => {
  const { sessions } = site();
  const old = new Peer(sessions);
  old.hello([{ boot: 5 }]);
  const stranger = new Peer(sessions);
  stranger.hello([{ boot: 5, lowest: 3, next: 2 }]);
  stranger.data(5, 0, block(1));
  assert.not(old.closed);
});

test('two live devices with one name are held apart, each time for longer', () => {
  const { sessions, clock, count } = site();
  let holder = new Peer(sessions);
  holder.hello([{ boot: 5 }]);
  for (let time = 0; time < 3; time++) {
    clock.advance(1_000);
    const next = new Peer(sessions);
    assert.is(next.hello([{ boot: 5 }])[0]?.type, 'welcome');
    assert.ok(holder.closed);
    holder = next;
  }
  const waits = [1, 2, 3].map(() => {
    const [answer] = new Peer(sessions).hello([{ boot: 5 }]);
    return answer?.type === 'reset' && answer.reason === 2 ? answer.retryMs : 0;
  });
  assert.equal(waits, [1_000, 2_000, 4_000]);
  assert.is(count('replaced-too-often'), 3);
  assert.not(holder.closed);
  clock.advance(10_000);
  assert.is(new Peer(sessions).hello([{ boot: 5 }])[0]?.type, 'welcome');
  assert.ok(holder.closed);
});

test('no two devices are given one number: two cables that are swapped mix nothing up', () => {
  const { sessions, journal, count } = site();
  const lines = [new Peer(sessions, 'line'), new Peer(sessions, 'line')];
  const boots = lines.map((line, at) => {
    const [welcome] = line.hello([{}], { device: `mote-${at}` });
    line.table();
    return welcome?.type === 'welcome' ? welcome.boots[0]!.boot : 0;
  });
  assert.is.not(boots[0], boots[1]);
  journal.sync();
  lines[0]!.data(boots[0]!, 0, block(1, 3), 3);
  journal.sync();
  lines[0]!.heard();
  // What mote-1 says comes in where mote-0 was: it is neither taken nor acknowledged as mote-0's.
  const answers = lines[0]!.data(boots[1]!, 0, block(1, 2), 2);
  assert.equal(answers, [{ type: 'reset', reason: 0, retryMs: 0 }]);
  assert.is(count('duplicate'), 0);
});

test("a connected device's number is no other's, whoever says how many names", () => {
  const { sessions } = site();
  const numberOf = (peer: Peer, device: string) => {
    const [welcome] = peer.hello([{}], { device });
    return welcome?.type === 'welcome' ? welcome.boots[0]!.boot : 0;
  };
  const stranger = new Peer(sessions);
  for (let n = 0; n < 100; n++) numberOf(stranger, `before-${n}`);
  const device = new Peer(sessions);
  const own = numberOf(device, 'mote-1');
  const others = Array.from({ length: 21_000 }, (_, n) => numberOf(stranger, `name-${n}`));
  assert.not(others.includes(own));
  // It is given away when its device has gone, and then not to that again.
  device.handler.closed();
  let names = 0;
  while (numberOf(stranger, `later-${names}`) !== own) assert.ok(names++ < 9_900);
  assert.is.not(numberOf(new Peer(sessions), 'mote-1'), own);
});

test('a site that boots at once: each device gets the next number, and a look or two find it', () => {
  const { sessions } = site();
  const isOfAnother = BootOwners.prototype.isOfAnother;
  let looks = 0;
  BootOwners.prototype.isOfAnother = function (device, boot) {
    looks++;
    return isOfAnother.call(this, device, boot);
  };
  const numbers = Array.from({ length: 1_000 }, (_, at) => {
    const [welcome] = new Peer(sessions).hello([{}], { device: `mote-${at}` });
    return welcome?.type === 'welcome' ? welcome.boots[0]!.boot : 0;
  });
  BootOwners.prototype.isOfAnother = isOfAnother;
  assert.equal(
    numbers,
    numbers.map((_, at) => 1_763_956_800 + at),
  );
  assert.ok(looks <= 5 * numbers.length, `${looks} looks`);
});

test("a device's own number is another's where it begins: it is renumbered, and keeps what it was given", () => {
  const { sessions, journal } = site();
  const first = new Peer(sessions);
  first.hello([{ boot: 77 }]);
  first.table();
  journal.sync();
  first.data(77, 0, block(1));
  journal.sync();
  first.handler.closed();
  const other = () => {
    const line = new Peer(sessions);
    const [welcome] = line.hello([{ boot: 77, next: 4 }], { device: 'mote-2' });
    return welcome?.type === 'welcome' ? welcome.boots[0]!.boot : 0;
  };
  const given = other();
  assert.is.not(given, 77);
  assert.is(other(), given);
  const fingerprint = crc32(block(1));
  const [again] = new Peer(sessions).hello([{ boot: 77, lowest: 1, next: 4, fingerprint }]);
  assert.equal(again?.type === 'welcome' && again.boots[0]?.boot, 77);
});

test('a proxy that starts anew knows whose the numbers in its journal are', () => {
  const { sessions, journal, whole } = site();
  const first = new Peer(sessions);
  first.hello([{ boot: 77 }]);
  first.table();
  journal.sync();
  first.data(77, 0, block(1));
  journal.sync();
  const [welcome] = new Peer(new Sessions(whole)).hello([{ boot: 77 }], { device: 'mote-2' });
  assert.is.not(welcome?.type === 'welcome' && welcome.boots[0]?.boot, 77);
});

test('a line may speak for another device', () => {
  const { sessions } = site();
  const line = new Peer(sessions, 'line');
  line.hello([{ boot: 5 }]);
  line.hello([{ boot: 6 }], { device: 'mote-2' });
  assert.is(sessions.count, 1);
  const other = new Peer(sessions);
  other.hello([{ boot: 5 }]);
  assert.not(line.closed);
});

test('a failed fsync ends every session, and the device begins again', () => {
  const { sessions, journal } = site();
  const peers = [1, 2].map((number) => {
    const peer = new Peer(sessions);
    peer.hello([{ boot: 5 }], { device: `mote-${number}` });
    peer.table();
    return peer;
  });
  journal.sync();
  for (const peer of peers) peer.data(5, 0, block(1));
  journal.fail();
  for (const [index, peer] of peers.entries()) {
    assert.equal(peer.heard(), [{ type: 'reset', reason: 5, retryMs: 2_000 }]);
    const [welcome] = peer.hello([{ boot: 5, next: 1 }], { device: `mote-${index + 1}` });
    assert.is(welcome?.type === 'welcome' && welcome.boots[0]?.next, 0);
  }
});

test('a device without a number gets one, and the same one until something arrives', () => {
  const { sessions, clock, journal } = site();
  const ask = () => {
    const [answer] = new Peer(sessions).hello([{ next: 3 }]);
    return answer?.type === 'welcome' ? answer.boots[0]!.boot : 0;
  };
  assert.is(ask(), 1_763_956_800);
  clock.advance(60_000);
  assert.is(ask(), 1_763_956_800);
  const peer = new Peer(sessions);
  peer.hello([{ next: 3 }]);
  peer.table();
  peer.data(1_763_956_800, 0, block(1));
  clock.advance(600_000);
  assert.is(ask(), 1_763_957_460);
  journal.append({
    ...{ kind: 'loss', device: 'mote-1', boot: 4e9, from: 0, to: 1, reason: 'unknown' },
    arrivalMs: 0,
  });
  clock.advance(600_000);
  assert.is(ask(), 1_763_957_460, 'still the one assigned');
  peer.handler.closed();
});

test("a new journal in another's place gives no device a number that it had, however far these ran ahead of the clock", () => {
  const devices = ['mote-1', 'mote-2', 'mote-3', 'mote-4'];
  const given = (id: string, atMs: number) => {
    const { sessions, clock } = site({}, new MemoryJournal(id));
    clock.advance(atMs);
    return devices.map((device) => {
      const [welcome] = new Peer(sessions).hello([{}], { device });
      return welcome?.type === 'welcome' ? `${device} ${welcome.boots[0]!.boot}` : device;
    });
  };
  const before = given(`0000f0${'0'.repeat(26)}`, 0);
  assert.is(before[3], `mote-4 ${1_763_956_800 + 0xf0 + 3}`);
  // Devices come in another order: at the same offset one of them had that number.
  devices.reverse();
  const after = given(`ffffff${'0'.repeat(26)}`, 1_000);
  assert.is(after[0], `mote-4 ${1_763_956_801 + 0xffffff}`);
  assert.equal(
    after.filter((number) => before.includes(number)),
    [],
  );
});

test.run();

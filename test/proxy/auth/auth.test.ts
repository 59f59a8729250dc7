import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SessionKey } from '../../../proxy/auth/session-key.js';
import { encodeFrame } from '../../../proxy/frame.js';
import { block, dataBody, helloBody, items, motesBytes, site } from '../talk.js';
import { type AuthVectors, fromHex, toHex, vectors } from '../vectors.js';
import { KeyedPeer, TestKeys } from './keyed-peer.js';

// The proxy's half of PROTOCOL.md §9: who has no key gets nowhere, and what has no sound MAC changes nothing.

const KEY = 'q7RkzV0mJx2Yb9LwTfEo4SgHn6UdC1Ap';
const OTHER = 'another-key-of-thirty-two-bytes!';
const BOOT = 77;
const hello = (more = {}) => helloBody([{ boot: BOOT }], more);
const table = Uint8Array.from([...items(3, 0, 0), ...motesBytes]);

function world() {
  const keys = new TestKeys();
  keys.set('mote-1', KEY);
  const made = site({}, undefined, undefined, keys);
  const peer = (key = KEY, more = {}) => new KeyedPeer(made.sessions, key, more);
  return { ...made, keys, peer };
}

/** With a session, its table and one event, all durable. */
function live() {
  const made = world();
  const peer = made.peer();
  assert.equal(peer.greet(hello()), ['challenge', 'welcome']);
  peer.sealed(table);
  made.journal.sync();
  peer.sealed(dataBody(BOOT, 0, block(2_000)));
  made.journal.sync();
  assert.ok(peer.heardSince().includes('ack'));
  return { ...made, one: peer };
}

test('byte for byte: what another implementation made', () => {
  const { key, hello, challenge, frames } = vectors<AuthVectors>('auth');
  const session = new SessionKey(Buffer.from(key), fromHex(hello), fromHex(challenge));
  for (const { name, from, frame, covers } of frames) {
    const bytes = fromHex(frame);
    const body = bytes.subarray(0, -12);
    if (from === 'proxy') assert.is(toHex(session.seal(body)), frame, name);
    else
      assert.equal(session.open(bytes, covers === undefined ? null : fromHex(covers)), body, name);
  }
});

test('with its key a device has a session, and its events are taken', () => {
  const { one, journal } = live();
  assert.is(one.session.state, 'live');
  assert.is(journal.places('mote-1')?.get(BOOT)?.durable, 1);
});

test('a HELLO alone changes nothing, whoever says it', () => {
  const { sessions, peer, one } = live();
  const stranger = peer(OTHER);
  assert.equal(stranger.hello(hello()), ['challenge']);
  assert.is(stranger.session.state, 'silent');
  assert.is(sessions.count, 1);
  assert.is(one.session.state, 'live');
  // On the live channel too.
  one.handler.received(encodeFrame(hello({ nonce: 99 })));
  assert.equal(one.heardSince(), ['challenge']);
  assert.is(one.session.state, 'live');
});

test('another key, no key, an unknown device: RESET 4, counted, and no word on which names exist', () => {
  const { peer, count, sessions } = world();
  assert.equal(peer(OTHER).greet(hello()), ['challenge', 'reset 4']);
  assert.equal(peer(KEY).greet(hello({ device: 'nobody' })), ['challenge', 'reset 4']);
  assert.is(count('proof-wrong'), 2);
  const peerWithout = peer();
  peerWithout.hello(hello());
  peerWithout.handler.received(encodeFrame(dataBody(BOOT, 0, block(2_000))));
  assert.equal(peerWithout.heardSince(), ['reset 0']);
  peerWithout.sealed(dataBody(BOOT, 0, block(2_000)));
  assert.is(count('no-session'), 2);
  assert.is(count('frame-check'), 0);
  assert.is(sessions.count, 0);
});

test('[W-56] what anybody may say on a live channel is counted, and its device hears no RESET: a wrong PROOF, a version that is none', () => {
  const { one, count } = live();
  one.hello(hello({ nonce: 5 }));
  assert.equal(one.proof(Buffer.from(OTHER)), []);
  assert.is(count('proof-wrong'), 1);
  one.handler.received(encodeFrame(hello({ version: 0 })));
  assert.equal(one.heardSince(), []);
  assert.is(count('unknown-version'), 1);
  assert.is(one.session.state, 'live');
});

test('a PROOF that nobody asked for, and one that comes twice', () => {
  const { peer, count, one } = live();
  assert.equal(peer().proof(Buffer.from(KEY)), []);
  assert.equal(one.proof(), []);
  assert.is(count('proof-unasked'), 2);
});

test('the HELLO that is proven is the one that came: a changed one is not', () => {
  const { peer, count } = world();
  const device = peer();
  device.hello(hello());
  // Somebody between has changed what the device said of its boots.
  const changed = peer();
  changed.handler.received(encodeFrame(helloBody([{ boot: BOOT, lowest: 9, next: 9 }])));
  changed.heardSince();
  changed.raw(device.seal(Uint8Array.of(8), hello()));
  assert.equal(changed.heardSince(), ['reset 4']);
  assert.is(count('proof-wrong'), 1);
});

test('DATA and TABLE: a CRC, a wrong MAC, one that came before, another session’s: counted, and nothing is taken', () => {
  const { one, journal, count, peer } = live();
  const before = journal.places('mote-1')?.get(BOOT)?.received;
  const data = dataBody(BOOT, 1, block(3_000));
  one.handler.received(encodeFrame(data));
  assert.is(count('frame-mac'), 1);
  const sealed = one.seal(data);
  for (const at of [0, 3, sealed.length - 13, sealed.length - 12, sealed.length - 9, -1]) {
    const wrong = Uint8Array.from(sealed);
    wrong[at < 0 ? wrong.length - 1 : at]! ^= 0x40;
    one.raw(wrong);
  }
  assert.is(journal.places('mote-1')?.get(BOOT)?.received, before);
  one.raw(sealed);
  one.raw(sealed);
  assert.is(count('frame-replayed'), 1);
  assert.is(journal.places('mote-1')?.get(BOOT)?.received, 2);
  const again = peer();
  assert.equal(again.greet(hello({ nonce: 7 })), ['challenge', 'welcome']);
  again.raw(sealed);
  assert.is(journal.places('mote-1')?.get(BOOT)?.received, 2);
});

test('a session is resumed: no CHALLENGE, the counters go on', () => {
  const { one, peer } = live();
  const { sessionKey, sent, heard } = one;
  one.handler.closed();
  const again = peer();
  Object.assign(again, { sessionKey, sent, heard });
  assert.equal(again.hello(hello({ flags: 8, nonce: 3 })), []);
  assert.equal(again.proof(), ['welcome']);
  assert.ok(again.sent > sent && again.heard > heard);
});

test('a PROOF of a resumed session that was heard before, or under another key, is challenged', () => {
  const { one, peer, count } = live();
  const { sessionKey, sent } = one;
  one.handler.closed();
  const replay = peer();
  Object.assign(replay, { sessionKey, sent: sent - 1 });
  replay.hello(hello({ flags: 8, nonce: 3 }));
  assert.equal(replay.proof(), ['challenge']);
  assert.is(count('resume-wrong'), 1);
  assert.equal(replay.proof(), ['welcome'], 'and with the key it is in');
});

test('a proxy that does not know the session waits for the PROOF as one that does, and then challenges', () => {
  const { peer, count } = world();
  const device = peer();
  assert.equal(device.hello(hello({ flags: 8 })), []);
  assert.equal(device.proof(Buffer.from(OTHER)), ['challenge']);
  assert.is(count('resume-wrong'), 1);
  assert.equal(device.proof(Buffer.from(OTHER)), ['reset 4'], 'one, and not a second');
  device.hello(hello({ flags: 8, nonce: 3 }));
  device.proof(Buffer.from(OTHER));
  assert.equal(device.proof(), ['welcome']);
});

test('a PROOF that was held back until another session began resumes nothing, and ends nothing', () => {
  const { one, peer } = live();
  const { sessionKey, sent } = one;
  const held = peer();
  Object.assign(held, { sessionKey, sent });
  assert.equal(held.hello(hello({ flags: 8, nonce: 3 })), []);
  const newer = peer();
  assert.equal(newer.greet(hello({ nonce: 4 })), ['challenge', 'welcome']);
  assert.equal(held.proof(), ['challenge']);
  assert.is(newer.session.state, 'live');
});

test('a PROOF is its type alone: no byte of a HELLO becomes one of it', () => {
  const { one, peer } = live();
  const { sessionKey, sent } = one;
  // Its HELLO has a further item, an 8, which who stands between leaves out, and puts in front of PROOF's.
  const cut = hello({ flags: 8, nonce: 3 });
  const between = peer();
  Object.assign(between, { sessionKey, sent });
  between.hello(cut);
  assert.equal(between.sealed(Uint8Array.of(8, 8), cut), ['challenge']);
  assert.is(one.session.state, 'live');
});

test('a wrong PROOF ends its CHALLENGE: the right one behind it is one that nobody asked for', () => {
  const { peer, count } = world();
  const device = peer();
  device.hello(hello());
  assert.equal(device.proof(Buffer.from(OTHER)), ['reset 4']);
  assert.equal(device.proof(), []);
  assert.is(count('proof-unasked'), 1);
  assert.is(device.session.state, 'silent');
});

test('a session whose counter is used up is not resumed', () => {
  const { one, peer } = live();
  const { sessionKey, sent } = one;
  one.handler.closed();
  const spent = Object.getOwnPropertyDescriptor(SessionKey.prototype, 'isSpent')!;
  Object.defineProperty(SessionKey.prototype, 'isSpent', { get: () => true, configurable: true });
  try {
    const again = peer();
    Object.assign(again, { sessionKey, sent });
    again.hello(hello({ flags: 8, nonce: 3 }));
    assert.equal(again.proof(), ['challenge']);
  } finally {
    Object.defineProperty(SessionKey.prototype, 'isSpent', spent);
  }
});

test('a session is not resumed with a key that was revoked since its HELLO', () => {
  const { one, keys, peer } = live();
  const { sessionKey, sent } = one;
  const again = peer();
  Object.assign(again, { sessionKey, sent });
  assert.equal(again.hello(hello({ flags: 8, nonce: 3 })), []);
  assert.equal(one.hello(hello({ flags: 8, nonce: 4 })), []);
  keys.set('mote-1', OTHER);
  assert.equal(one.heardSince(), ['reset 4']);
  assert.equal(again.proof(sessionKey), ['challenge']);
  assert.equal(one.proof(sessionKey), ['challenge']);
  assert.is(again.session.state, 'silent');
});

test('two keys while they are changed; the old one ends its session when it goes', () => {
  const { one, keys, peer, count } = live();
  keys.set('mote-1', OTHER, KEY);
  assert.is(one.session.state, 'live');
  keys.set('mote-1', OTHER);
  assert.equal(one.heardSince(), ['reset 4']);
  assert.is(one.session.state, 'silent');
  assert.is(count('revoked'), 1);
  const again = peer();
  Object.assign(again, { sessionKey: one.sessionKey, sent: one.sent });
  assert.equal(again.hello(hello({ flags: 8 })), []);
  assert.equal(again.proof(), ['challenge'], 'nor is it resumed');
  assert.equal(peer(OTHER).greet(hello({ nonce: 4 })), ['challenge', 'welcome']);
});

test('a new channel replaces the old one when it is proven, and not before', () => {
  const { one, peer } = live();
  const other = peer();
  other.hello(hello({ nonce: 8 }));
  assert.is(one.session.state, 'live');
  other.proof();
  assert.is(one.session.state, 'closed');
  assert.is(other.session.state, 'live');
});

test('where nobody asks for keys, a device that has one hears nothing that it believes', () => {
  const { sessions } = world();
  const peer = new KeyedPeer(sessions, KEY, { auth: 'none' });
  assert.throws(() => peer.hello(hello()), /wrong MAC/);
});

test('silence before a PROOF: the connection is closed in time, whatever HELLOs it says', () => {
  const { peer, clock } = world();
  const device = peer();
  for (let second = 0; second < 10; second++) {
    device.hello(hello({ nonce: second }));
    clock.advance(1_000);
  }
  assert.ok(device.isClosed);
});

test.run();

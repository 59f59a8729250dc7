import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEnvelope, encodeEnvelope } from '../../proxy/envelope.js';
import { encodeFrame, framesOf, toStream } from '../../proxy/frame.js';
import type { Seat } from '../../proxy/limits/addresses.js';
import type { Sessions } from '../../proxy/sessions.js';
import { addressesOf } from './limits/addresses-of.js';
import { block, dataBody, helloBody, items, motesBytes, site } from './talk.js';
import { fromHex, toHex, vectors } from './vectors.js';

// A gateway's connection at the proxy: each channel is a session of its own.

interface EnvelopeVectors {
  cases: { name: string; channel: number; frame: string; envelope: string; stream: string }[];
}

for (const { name, channel, frame, envelope, stream } of vectors<EnvelopeVectors>('envelopes')
  .cases) {
  test(`vector: ${name}`, () => {
    assert.is(toHex(encodeEnvelope({ channel, frame: fromHex(frame) })), envelope);
    assert.is(toHex(toStream([fromHex(envelope)])), stream);
    const decoded = decodeEnvelope(fromHex(envelope));
    assert.equal([decoded?.channel, toHex(decoded?.frame ?? new Uint8Array(1))], [channel, frame]);
  });
}

test('a head that is broken, too short or above the last channel belongs to nobody', () => {
  const sound = encodeEnvelope({ channel: 300, frame: Uint8Array.of(1) });
  for (let bit = 8; bit < 6 * 8; bit++) {
    const broken = Uint8Array.from(sound);
    broken[bit >> 3]! ^= 1 << (bit & 7);
    assert.is(decodeEnvelope(broken), null, `bit ${bit}`);
  }
  for (let length = 1; length < 6; length++) {
    assert.is(decodeEnvelope(sound.subarray(0, length)), null);
  }
  assert.is(decodeEnvelope(encodeEnvelope({ channel: 65_536, frame: new Uint8Array() })), null);
});

const HELLO = 1;
const WELCOME = 2;
const ACK = 5;
const RESET = 6;

/** A gateway's end of a connection. */
function gateway(sessions: Sessions, seat?: Seat) {
  const answers: { channel: number; type: number }[] = [];
  let isClosed = false;
  const handler = sessions.accept({
    name: 'tcp gateway',
    kind: 'connection',
    auth: 'none',
    ...(seat && { seat }),
    send(bytes) {
      for (const frame of framesOf(bytes)) {
        const envelope = decodeEnvelope(frame);
        assert.ok(envelope !== null, 'what a gateway hears is in envelopes');
        answers.push({ channel: envelope.channel, type: envelope.frame[0]! });
      }
    },
    close() {
      isClosed = true;
      handler.closed();
    },
  });
  const send = (channel: number, frame: Uint8Array) =>
    handler.received(toStream([encodeEnvelope({ channel, frame })]));
  return {
    handler,
    closed: () => isClosed,
    heard: () => answers.splice(0).map(({ channel, type }) => `${channel}: ${type}`),
    /** A line is opened: an envelope without a frame. */
    open: (channel: number) => send(channel, new Uint8Array()),
    say(channel: number, body: Uint8Array) {
      for (const frame of framesOf(encodeFrame(body))) send(channel, frame);
    },
    send,
  };
}

const tableBody = Uint8Array.from([...items(3, 0, 0), ...motesBytes]);

test('each line of a gateway has a session of its own, and hears its own answers', () => {
  const { sessions, journal, count } = site();
  const box = gateway(sessions);
  for (const channel of [1, 2]) {
    box.open(channel);
    box.say(channel, helloBody([{ boot: 70 + channel }], { device: `mote-${channel}` }));
    box.say(channel, tableBody);
  }
  journal.sync();
  assert.equal(box.heard(), [`1: ${WELCOME}`, `2: ${WELCOME}`]);
  assert.is(sessions.count, 2);
  box.say(2, dataBody(72, 0, block(1)));
  journal.sync();
  assert.equal(box.heard(), [`2: ${ACK}`]);
  assert.is(journal.places('mote-2')?.get(72)?.durable, 1);
  box.handler.closed();
  assert.is(sessions.count, 0);
  assert.is(count('frame-check'), 0);
});

test('a line that was opened anew has no session; what comes on it is answered by RESET', () => {
  const { sessions } = site();
  const box = gateway(sessions);
  box.say(5, helloBody([{ boot: 70 }]));
  assert.equal(box.heard(), [`5: ${WELCOME}`]);
  box.open(5);
  assert.is(sessions.count, 0);
  box.say(5, dataBody(70, 0, block(1)));
  assert.equal(box.heard(), [`5: ${RESET}`]);
});

test('a device that comes up on another line is replaced there, and its old line stays', () => {
  const { sessions, count } = site();
  const box = gateway(sessions);
  box.say(1, helloBody([{ boot: 70 }]));
  box.say(2, helloBody([{ boot: 70 }]));
  assert.is(count('replaced'), 1);
  box.heard();
  box.say(1, helloBody([{ boot: 71 }], { device: 'mote-9' }));
  assert.equal(box.heard(), [`1: ${WELCOME}`]);
  assert.not(box.closed());
});

test("a gateway's connection is not closed for its silence, another one is", () => {
  const { sessions, clock } = site();
  const [box, silent] = [gateway(sessions), gateway(sessions)];
  box.open(1);
  clock.advance(10_001);
  assert.equal([box.closed(), silent.closed()], [false, true]);
});

test('an envelope in an envelope, a broken one, and one for a channel too many are counted', () => {
  const { sessions, count } = site();
  const box = gateway(sessions);
  box.send(1, encodeEnvelope({ channel: 2, frame: Uint8Array.of(HELLO) }));
  assert.is(count('envelope-in-envelope'), 1);
  box.handler.received(toStream([Uint8Array.of(14, 1, 0, 0, 9)]));
  assert.is(count('envelope-broken'), 1);
  for (let channel = 0; channel < 300; channel++) box.send(channel, Uint8Array.of(HELLO));
  assert.is(count('channels-max'), 300 - 256);
  assert.not(box.closed());
});

test('a gateway takes one place of those that nobody knows, and each line that speaks one, until its device is known', () => {
  const { sessions, clock, count } = site();
  const addresses = addressesOf(10, clock, { unprovenMax: 4 });
  const seat = addresses.connect('a', 0);
  assert.ok(typeof seat !== 'string');
  const box = gateway(sessions, seat);
  for (let channel = 0; channel < 10; channel++) box.open(channel);
  for (let channel = 0; channel < 4; channel++) box.send(channel, Uint8Array.of(9, 9, 9, 9, 9));
  assert.is(
    count('unproven-max'),
    1,
    'the fourth that speaks; those that are open only do not count',
  );
  assert.is(addresses.connect('b', 0), 'unproven-max');
  box.say(2, helloBody([{ boot: 70 }]));
  assert.equal(box.heard(), [`2: ${WELCOME}`]);
  box.say(3, helloBody([{ boot: 71 }], { device: 'mote-3' }));
  assert.equal(box.heard(), [`3: ${WELCOME}`], 'it and its gateway have given theirs back');
  clock.advance(10_001);
  const others = [1, 2, 3, 4].map(() => typeof addresses.connect('b', 0));
  assert.equal(others, ['object', 'object', 'object', 'object'], 'so do lines that were silent');
  assert.is(sessions.count, 2);
  assert.not(box.closed());
});

test('a gateway of which no device is known is closed when its place is needed, and not before', () => {
  const { sessions, clock } = site();
  const addresses = addressesOf(10, clock, { unprovenMax: 1 });
  const seat = addresses.connect('a', 0);
  assert.ok(typeof seat !== 'string');
  const box = gateway(sessions, seat);
  box.open(1);
  clock.advance(10_001);
  assert.not(box.closed());
  assert.type(addresses.connect('b', 0), 'object');
  assert.ok(box.closed());
});

test('a frame that is damaged inside its envelope is its channel’s trouble', () => {
  const { sessions, count } = site();
  const box = gateway(sessions);
  box.say(1, helloBody([{ boot: 70 }]));
  const frame = framesOf(encodeFrame(dataBody(70, 0, block(1))))[0]!;
  frame[3]! ^= 1;
  box.send(1, frame);
  assert.is(count('frame-check'), 1);
  assert.is(sessions.count, 1);
});

test.run();

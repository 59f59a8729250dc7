import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Boot, frame, type Hello } from './peer.js';
import { ACK_TIMEOUT_MS, BOOT, type Mote, mote, ready } from './talk.js';

// Places, credit and going back: PROTOCOL.md [W-2], [W-5], [W-21], [W-22], [W-24].

/** Blocks of one event each, from seq 0. */
function blocks(made: Mote, count: number) {
  for (let index = 0; index < count; index++) {
    made.sample(index);
    made.seal();
  }
}

/** What the next HELLO says of the boot. */
function place(made: Mote): Hello['boots'][0] {
  made.link.events!.up();
  const hello = made.link.take().at(-1) as Hello;
  made.nonce = hello.nonce;
  return hello.boots[0]!;
}

test('[W-2] boot 0 until WELCOME names it, and no DATA before', () => {
  const made = mote();
  blocks(made, 2);
  const { boots } = made.greet();
  assert.is(boots.length, 1);
  assert.equal(
    { ...boots[0]!, fingerprint: null },
    { ...{ boot: null, lowest: 0, next: 2 }, fingerprint: null },
  );
  blocks(made, 1);
  assert.equal(made.said(), []);
  assert.is(made.sdk.stats().boot, null);
  made.welcome();
  assert.equal(made.said(), ['data 0+1', 'data 1+1', 'data 2+1']);
  assert.is(made.sdk.stats().boot, BOOT);
});

test('[W-4] the fingerprint is of the block with seq 0, whatever became of it since', () => {
  const made = ready();
  assert.is(place(made).fingerprint, null);
  made.welcome();
  blocks(made, 2);
  const { fingerprint } = place(made);
  assert.ok(fingerprint);
  made.welcome();
  assert.is(place(made).fingerprint, fingerprint);
  made.welcome(1);
  assert.is(place(made).fingerprint, fingerprint);
});

test('[W-4] a boot whose first event was refused has no fingerprint', () => {
  const made = ready();
  made.sdk.sendUndeclared('note', 'x'.repeat(500));
  blocks(made, 2);
  assert.is(place(made).fingerprint, null);
});

test('[W-21] a WELCOME with another nonce changes nothing', () => {
  const made = mote();
  const { nonce } = made.greet();
  blocks(made, 1);
  for (const other of [nonce + 1, 0, nonce ^ 1]) {
    made.nonce = other >>> 0;
    made.welcome();
    assert.equal(made.said(), []);
    assert.not(made.sdk.stats().ready);
  }
  made.nonce = nonce;
  made.engine.draws.push(0.25);
  assert.is(place(made).boot, null);
  const fresh = made.nonce;
  made.nonce = nonce;
  made.welcome();
  assert.not(made.sdk.stats().ready, 'the nonce of the HELLO before');
  made.nonce = fresh;
  made.welcome();
  assert.equal(made.said(), ['data 0+1']);
});

test('[W-21] one WELCOME for each HELLO: what a HELLO that came twice is answered moves no boot', () => {
  const made = mote();
  blocks(made, 1);
  const { nonce } = made.greet();
  made.welcome(0, 1000, 0, BOOT);
  assert.equal(made.said(), ['data 0+1']);
  made.welcome(0, 1000, 0, BOOT + 1);
  assert.equal(made.said(), []);
  assert.is(made.sdk.stats().boot, BOOT);
  // Nor while the next HELLO waits behind the rest of a frame.
  made.link.room = 1;
  blocks(made, 1);
  made.engine.advance(ACK_TIMEOUT_MS);
  made.nonce = nonce;
  made.welcome(0, 1000, 0, BOOT + 1);
  assert.not(made.sdk.stats().ready);
  assert.is(made.sdk.stats().boot, BOOT);
});

test('[W-21] a WELCOME below what was acknowledged, or above what there is', () => {
  const made = ready();
  blocks(made, 4);
  made.ack(2);
  made.said();
  assert.equal(place(made).lowest, 2);
  for (const next of [0, 1, 5, 2 ** 32 - 1]) {
    made.welcome(next);
    assert.not(made.sdk.stats().ready, `${next}`);
  }
  assert.equal(made.said(), []);
  made.welcome(4);
  assert.ok(made.sdk.stats().ready);
  assert.is(made.sdk.stats().acknowledged, 4);
});

test('[W-21] an ACK for another boot, below what was acknowledged, or above what was sent', () => {
  const made = ready();
  made.ack(0, 3);
  blocks(made, 4);
  assert.equal(made.said(), ['data 0+1', 'data 1+1', 'data 2+1']);
  made.ack(3, 1000, 0, BOOT + 1);
  made.ack(3, 1000, 0, 0);
  made.ack(4, 1000);
  made.ack(5, 1000);
  assert.is(made.sdk.stats().acknowledged, 0);
  assert.equal(made.said(), []);
  made.ack(2, 3);
  assert.is(made.sdk.stats().acknowledged, 2);
  made.ack(1, 1000);
  made.ack(0, 1000, 1);
  assert.is(made.sdk.stats().acknowledged, 2);
  assert.equal(made.said(), []);
  made.ack(2, 1000);
  assert.equal(made.said(), ['data 3+1']);
});

test('messages that a device does not know are nothing', () => {
  const made = ready();
  blocks(made, 1);
  made.said();
  for (const type of [0, 1, 3, 4, 7, 9, 11, 23]) {
    made.link.say(frame(Uint8Array.of(type, BOOT, 1, 24, 0)));
    assert.ok(made.sdk.stats().ready);
    assert.is(made.sdk.stats().acknowledged, 0);
  }
  assert.equal(made.said(), []);
});

test('[W-22] an ACK into a block leaves it held', () => {
  const made = ready();
  for (const t of [1, 2, 3]) made.sample(t);
  made.seal();
  blocks(made, 1);
  assert.equal(made.said(), ['data 0+3', 'data 3+1']);
  made.ack(2);
  assert.is(made.sdk.stats().acknowledged, 2);
  assert.is(made.sdk.stats().buffered, 2);
  assert.is(place(made).lowest, 2);
  made.welcome(2);
  assert.equal(made.said(), ['data 0+3', 'data 3+1']);
  made.ack(2, 1000, 1);
  assert.equal(made.said(), ['data 0+3', 'data 3+1']);
  made.ack(4);
  assert.is(made.sdk.stats().buffered, 0);
});

test('a block may be sent when its first seq is below the limit', () => {
  const made = mote();
  made.greet();
  made.welcome(0, 0);
  for (const t of [1, 2, 3]) made.sample(t);
  made.seal();
  blocks(made, 1);
  assert.equal(made.said(), []);
  made.ack(0, 1);
  assert.equal(made.said(), ['data 0+3']);
  made.ack(0, 3);
  assert.equal(made.said(), []);
  made.ack(3, 4);
  assert.equal(made.said(), ['data 3+1']);
});

test('[W-24] back to where a gap says, and to where WELCOME says', () => {
  const made = ready();
  blocks(made, 4);
  assert.is(made.said().length, 4);
  // The first block was lost on the line.
  made.ack(0, 1000, 1);
  assert.equal(made.said(), ['data 0+1', 'data 1+1', 'data 2+1', 'data 3+1']);
  made.ack(2, 1000);
  assert.equal(made.said(), []);
  made.ack(2, 1000, 1);
  assert.equal(made.said(), ['data 2+1', 'data 3+1']);
  made.ack(3, 1000, 1);
  assert.equal(made.said(), ['data 3+1']);
  // WELCOME always goes back.
  assert.is(place(made).lowest, 3);
  made.welcome(3);
  assert.equal(made.said(), ['data 3+1']);
  made.ack(3, 1000, 1);
  assert.equal(made.said(), ['data 3+1']);
  // Also one that lacks the table.
  place(made);
  made.welcome(3, 1000, 1);
  assert.equal(made.said(), ['table 0', 'table 1', 'data 3+1']);
  made.ack(3, 1000, 1);
  assert.equal(made.said(), ['data 3+1']);
});

test('[W-5] renumbered by WELCOME: nothing is forgotten and all later frames carry the new number', () => {
  const made = ready();
  blocks(made, 3);
  made.ack(1);
  made.said();
  assert.equal(place(made).boot, BOOT);
  made.welcome(1, 1000, 0, 900);
  const sent = made.link.take();
  assert.equal(
    sent.map((message) => message.type === 'data' && [message.boot, message.first]),
    [
      [900, 1],
      [900, 2],
    ],
  );
  assert.is(made.sdk.stats().boot, 900);
  // The former number's ACK is foreign now.
  made.ack(3, 1000, 0, BOOT);
  assert.is(made.sdk.stats().acknowledged, 1);
  made.ack(2, 1000, 0, 900);
  assert.is(made.sdk.stats().acknowledged, 2);
  made.engine.advance(ACK_TIMEOUT_MS);
  const [hello] = made.link.take() as [Hello];
  const [{ boot, lowest, next }] = hello.boots as [Boot];
  assert.equal([boot, lowest, next], [900, 2, 3]);
});

test('HELLO names its table, its limit, its flags and its uptime', () => {
  const made = mote({}, 5_000_000_000);
  made.sdk.uptimeStops();
  const hello = made.greet();
  assert.is(hello.version, 1);
  assert.is(hello.device, 'mote-1');
  assert.is(hello.flags, 2);
  assert.is(hello.frameBytesMax, 128);
  assert.is(hello.uptime, 5_000_000_300);
  assert.is(hello.tables.length, 1);
  assert.match(hello.tables[0]!, /^[0-9a-f]{16}$/);
});

test.run();

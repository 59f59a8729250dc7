import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACK_TIMEOUT_MS, BACKOFF_MS, type Mote, mote, ready } from './talk.js';

// What a device waits for and how long: PROTOCOL.md [W-23], [W-25], lingerMs and READY.

function block(made: Mote) {
  made.sample();
  made.seal();
}

test('[W-23] nothing is armed when all is acknowledged', () => {
  const made = ready();
  assert.is(made.engine.pending(), 0);
  block(made);
  assert.is(made.engine.pending(), 1);
  made.ack(1);
  assert.is(made.engine.pending(), 0);
  made.engine.advance(1_000_000);
  assert.equal(made.said(), ['data 0+1']);
  assert.is(made.link.opened, 1);
});

test('[W-23] a lost ACK: after ackTimeoutMs the device says HELLO, and WELCOME brings the place', () => {
  const made = ready();
  block(made);
  made.said();
  made.engine.advance(ACK_TIMEOUT_MS - 1);
  assert.equal(made.said(), []);
  made.engine.advance(1);
  assert.equal(made.said(), ['hello']);
  assert.is(made.link.opened, 1, 'on the same link');
  made.welcome(1);
  assert.equal(made.said(), []);
  assert.is(made.engine.pending(), 0);
});

test('[W-23] each ACK begins the wait anew', () => {
  const made = ready();
  block(made);
  block(made);
  made.said();
  made.engine.advance(ACK_TIMEOUT_MS - 1);
  made.ack(1);
  made.engine.advance(ACK_TIMEOUT_MS - 1);
  assert.equal(made.said(), []);
  made.engine.advance(1);
  assert.equal(made.said(), ['hello']);
});

test('[W-23] a block that is sealed while one is awaited does not put the wait off', () => {
  const made = ready();
  block(made);
  made.engine.advance(ACK_TIMEOUT_MS - 1);
  block(made);
  made.said();
  made.engine.advance(1);
  assert.equal(made.said(), ['hello']);
});

test('[W-23] a lost WELCOME: the link is opened anew after the wait', () => {
  const made = mote();
  made.greet();
  made.engine.advance(ACK_TIMEOUT_MS - 1);
  assert.is(made.link.closed, 1, 'the back off before the first opening');
  made.engine.advance(1);
  assert.is(made.link.closed, 2);
  made.greet(2 * BACKOFF_MS);
  assert.is(made.link.opened, 2);
  made.welcome();
  assert.ok(made.sdk.stats().ready);
});

test('[W-23] credit that stops: HELLO asks for it', () => {
  const made = mote();
  made.greet();
  made.welcome(0, 1);
  block(made);
  block(made);
  made.ack(1, 1);
  assert.equal(made.said(), ['data 0+1']);
  assert.is(made.engine.pending(), 1);
  made.engine.advance(ACK_TIMEOUT_MS);
  assert.equal(made.said(), ['hello']);
  made.welcome(1, 10);
  assert.equal(made.said(), ['data 1+1']);
});

test('[W-23] a link that is never up is given up and opened again', () => {
  const made = mote();
  made.link.connects = false;
  made.engine.advance(BACKOFF_MS);
  assert.is(made.link.opened, 1);
  made.engine.advance(ACK_TIMEOUT_MS);
  assert.is(made.link.closed, 2);
  made.engine.advance(2 * BACKOFF_MS);
  assert.is(made.link.opened, 2);
  assert.is(made.link.written.length, 0);
});

test('while a link is not up nothing is written, whatever was promised before', () => {
  const made = ready();
  block(made);
  made.said();
  made.link.events!.down();
  made.link.connects = false;
  made.engine.advance(BACKOFF_MS);
  assert.is(made.link.opened, 2);
  block(made);
  assert.equal(made.said(), [], 'the former credit is not that of this connection');
  made.link.events!.up();
  assert.equal(made.said(), ['hello']);
  made.welcome();
  assert.equal(made.said(), ['data 0+1', 'data 1+1']);
});

test('[W-23] an answer that is late by one HELLO is not taken, the next one is', () => {
  const made = ready();
  block(made);
  made.engine.draws.push(0.1);
  made.engine.advance(ACK_TIMEOUT_MS);
  made.said();
  const { nonce } = made;
  made.link.events!.up();
  made.said();
  const fresh = made.nonce;
  assert.is.not(fresh, nonce);
  made.nonce = nonce;
  made.welcome(1);
  assert.not(made.sdk.stats().ready);
  made.nonce = fresh;
  made.welcome(1);
  assert.ok(made.sdk.stats().ready);
});

/** How long each of the next attempts waits before it opens the link, which then goes down. */
function waits(made: Mote, count: number): number[] {
  const found: number[] = [];
  for (let index = 0; index < count; index++) {
    const { opened } = made.link;
    const began = made.engine.now;
    while (made.link.opened === opened) made.engine.advance(1);
    found.push(made.engine.now - began);
    made.link.events!.down();
  }
  return found;
}

test('[W-25] the wait doubles up to 64 times, from the first opening on', () => {
  const made = mote();
  assert.equal(
    waits(made, 9),
    [1, 2, 4, 8, 16, 32, 64, 64, 64].map((factor) => factor * BACKOFF_MS),
  );
});

test('[W-25] jitter: between one half and the whole, as random says', () => {
  for (const [random, waitMs] of [
    [0, 200],
    [0.25, 250],
    [0.5, 300],
    [0.75, 350],
    [1 - 2 ** -30, 400],
  ] as const) {
    const { engine, link, sdk } = mote();
    const other = mote();
    assert.is(sdk.stats().ready, false);
    // The wait before the first opening was drawn by producer(); the one after it is drawn at `down`.
    engine.advance(BACKOFF_MS);
    engine.draws.push(random);
    link.events!.down();
    const began = engine.now;
    while (link.opened < 2) engine.advance(1);
    assert.is(engine.now - began, 2 * waitMs);
    assert.is(other.link.opened, 0);
  }
});

test('[W-25] a WELCOME starts the count anew', () => {
  const made = mote();
  waits(made, 5);
  made.greet(32 * BACKOFF_MS);
  made.welcome();
  made.link.events!.down();
  assert.equal(waits(made, 2), [BACKOFF_MS, 2 * BACKOFF_MS]);
});

test('[W-25] an opening without a WELCOME does not', () => {
  const made = mote();
  waits(made, 3);
  made.greet(8 * BACKOFF_MS);
  made.link.events!.down();
  assert.equal(waits(made, 1), [16 * BACKOFF_MS]);
});

test('[W-25] after a RESET the device waits retryMs besides', () => {
  for (const retryMs of [0, 1, 1000, 60_000, 3_600_000]) {
    const made = ready();
    block(made);
    made.said();
    made.reset(0, retryMs);
    assert.is(made.link.closed, 2);
    assert.not(made.sdk.stats().ready);
    made.engine.advance(retryMs + BACKOFF_MS - 1);
    assert.is(made.link.opened, 1);
    made.engine.advance(1);
    assert.is(made.link.opened, 2);
    assert.equal(made.said(), ['hello']);
    // A RESET before WELCOME counts as an attempt.
    made.reset(5, retryMs);
    made.engine.advance(retryMs + 2 * BACKOFF_MS - 1);
    assert.is(made.link.opened, 2);
    made.engine.advance(1);
    assert.is(made.link.opened, 3);
    made.said();
    made.welcome();
    assert.ok(made.sdk.stats().ready);
    assert.equal(made.said(), ['data 0+1']);
  }
});

test('no RESET silences a device for good: of more than an hour only a part is waited', () => {
  for (const retryMs of [3_600_001, 2 ** 32, 2 ** 53]) {
    const made = mote();
    made.greet();
    made.reset(0, retryMs);
    made.greet((retryMs % 4_000_000) + 2 * BACKOFF_MS);
    made.welcome();
    assert.ok(made.sdk.stats().ready);
  }
});

test('lingerMs: a block waits for others while there is a session', () => {
  const made = ready({ lingerMs: 100 });
  made.sample();
  made.engine.advance(60);
  made.sample();
  made.engine.advance(39);
  assert.equal(made.said(), []);
  made.engine.advance(1);
  assert.equal(made.said(), ['data 0+2'], 'from the first event on');
  made.sample();
  made.engine.advance(100);
  assert.equal(made.said(), ['data 2+1']);
});

test('lingerMs 0 seals at the next turn of the engine', () => {
  const made = ready({ lingerMs: 0 });
  made.sample();
  assert.equal(made.said(), []);
  made.engine.advance(0);
  assert.equal(made.said(), ['data 0+1']);
});

test('without a session the block goes on being filled, and WELCOME seals it', () => {
  const made = mote({ lingerMs: 100 });
  made.sample();
  made.engine.advance(150);
  made.sample();
  made.greet(BACKOFF_MS - 150);
  made.engine.advance(1000);
  made.sample();
  assert.equal(made.said(), []);
  made.welcome();
  assert.equal(made.said(), ['data 0+3']);
  // Its timer has ended with it: the next block has one of its own.
  made.engine.advance(50);
  made.sample();
  made.engine.advance(99);
  assert.equal(made.said(), []);
  made.engine.advance(1);
  assert.equal(made.said(), ['data 3+1']);
});

test('a HELLO for a lost ACK does not strand the block that lingers meanwhile', () => {
  const made = ready({ lingerMs: 100 });
  block(made);
  made.engine.advance(ACK_TIMEOUT_MS - 50);
  made.sample();
  made.engine.advance(500);
  assert.equal(made.said(), ['data 0+1', 'hello']);
  made.welcome(1);
  assert.equal(made.said(), ['data 1+1']);
});

test.run();

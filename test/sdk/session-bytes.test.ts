import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from './device.js';
import { ack, type Message, reset, type Wire, welcome } from './peer.js';
import { BACKOFF_MS, BOOT, mote, ready, short } from './talk.js';

// A link takes bytes as it can and gives them as they come: the session above it must not notice.

/** Takes everything that is waiting, so many bytes at a time. */
function drip(link: Wire, bytes: number): Message[] {
  for (let before = -1; before < link.written.length; ) {
    before = link.written.length;
    link.room = bytes;
    link.events!.ready();
  }
  link.room = 0;
  return link.take();
}

for (const bytes of [1, 2, 7, 64, 255]) {
  test(`a link that takes ${bytes} bytes at a time: HELLO, tables, DATA`, () => {
    const whole = conversation(Infinity);
    const parts = conversation(bytes);
    assert.equal(parts.map(short), whole.map(short));
    assert.equal(parts, whole);
  });
}

function conversation(bytes: number): Message[] {
  const { sdk, engine, link } = device();
  const streams = [1, 2, 3].map((number) =>
    sdk.stream(`stream-${number}`, { value: sdk.fixed(2), other: sdk.int }),
  );
  const hw = sdk.producer({ device: 'mote-1', link, retryBackoffMs: 400, bufferBytes: 2048 });
  link.room = Math.min(bytes, 3);
  if (bytes === Infinity) link.room = bytes;
  const heard: Message[] = [];
  const take = () => {
    heard.push(...(bytes === Infinity ? link.take() : drip(link, bytes)));
  };
  for (let index = 0; index < 120; index++) {
    hw.send(streams[index % 3]!, { value: index, other: -index * 1000 });
  }
  engine.advance(BACKOFF_MS);
  take();
  const [hello] = heard;
  assert.is(hello?.type, 'hello');
  if (hello?.type === 'hello') link.say(welcome(hello.nonce, [[BOOT, 0, 1000]], 1));
  take();
  sdk.flush(() => {});
  take();
  const [last] = heard.slice(-1);
  if (last?.type === 'data') link.say(ack(BOOT, last.first + last.count, 1000));
  assert.is(sdk.stats().buffered, 0);
  assert.equal(heard.map(short).slice(0, 4), ['hello', 'table 0', 'table 1', 'table 2']);
  assert.ok(heard.length > 6);
  return heard;
}

test('a frame that the link took a part of is finished before the next one', () => {
  const made = ready();
  made.link.room = 9;
  made.sample();
  made.seal();
  assert.is(made.link.written.length, 9);
  // The wait for the ACK ends meanwhile: HELLO comes behind the rest of DATA.
  made.engine.advance(5000);
  made.link.room = Infinity;
  made.link.events!.ready();
  assert.equal(made.said(), ['data 0+1', 'hello']);
});

test('a link that goes down in the middle of a frame: the next connection begins with HELLO', () => {
  for (const room of [1, 5, 20]) {
    const made = ready();
    made.link.room = room;
    made.sample();
    made.seal();
    made.link.events!.down();
    made.link.written = new Uint8Array(0);
    made.link.room = Infinity;
    made.greet();
    made.welcome();
    assert.equal(made.said(), ['data 0+1']);
  }
});

test('a link that goes down in the middle of a HELLO, and of a table', () => {
  const made = mote();
  made.link.room = 10;
  made.engine.advance(BACKOFF_MS);
  made.link.events!.down();
  made.link.written = new Uint8Array(0);
  made.link.room = Infinity;
  made.greet(2 * BACKOFF_MS);
  made.link.room = 4;
  made.welcome(0, 1000, 1);
  made.link.events!.down();
  made.link.written = new Uint8Array(0);
  made.link.room = Infinity;
  made.greet();
  made.welcome(0, 1000, 1);
  assert.equal(made.said(), ['table 0', 'table 1'], 'from the first stream on');
});

test('up twice: a HELLO each, the last one counts', () => {
  const made = mote();
  made.engine.draws.push(0.1, 0.2);
  made.greet();
  const first = made.nonce;
  made.link.events!.up();
  assert.equal(made.said(), ['hello']);
  assert.is.not(made.nonce, first);
  made.welcome();
  assert.ok(made.sdk.stats().ready);
});

test('up while the link took a part of HELLO', () => {
  const made = mote();
  made.link.room = 10;
  made.engine.advance(BACKOFF_MS);
  made.link.events!.up();
  made.link.room = Infinity;
  made.link.events!.ready();
  assert.equal(made.said(), ['hello', 'hello']);
  made.welcome();
  assert.ok(made.sdk.stats().ready);
});

test('a table of several streams is sent stream by stream, and only when it is lacking', () => {
  const made = mote();
  made.greet();
  made.welcome(0, 1000, 1);
  assert.equal(made.said(), ['table 0', 'table 1']);
  made.link.events!.up();
  assert.equal(made.said(), ['hello']);
  made.welcome(0, 1000, 0);
  assert.equal(made.said(), []);
  made.sample();
  made.seal();
  assert.equal(made.said(), ['data 0+1']);
  made.link.events!.up();
  made.said();
  made.welcome(1, 1000, 1);
  assert.equal(made.said(), ['table 0', 'table 1']);
  made.link.events!.up();
  made.said();
  // Another table's bit.
  made.welcome(1, 1000, 0);
  assert.equal(made.said(), []);
});

test('HELLO breaks off a table, and WELCOME begins it anew', () => {
  const made = mote();
  made.greet();
  made.link.room = 0;
  made.welcome(0, 1000, 1);
  made.link.events!.up();
  made.link.room = Infinity;
  made.link.events!.ready();
  assert.equal(made.said(), ['table 0', 'hello']);
  made.welcome(0, 1000, 1);
  assert.equal(made.said(), ['table 0', 'table 1']);
});

test('a table without streams is never sent, whatever a proxy lacks', () => {
  const { sdk, engine, link } = device();
  sdk.producer({ device: 'a', link, retryBackoffMs: 400 });
  engine.advance(BACKOFF_MS);
  const [hello] = link.take();
  if (hello?.type === 'hello') link.say(welcome(hello.nonce, [[BOOT, 0, 1000]], 1));
  sdk.sendUndeclared('note', 1);
  sdk.flush(() => {});
  assert.equal(link.take().map(short), ['data 0+1']);
});

/** What a proxy says in one go: the answers to a HELLO and to two blocks. */
function answers(nonce: number): Buffer {
  return Buffer.concat([
    Uint8Array.of(0),
    welcome(nonce, [[BOOT, 0, 1000]]),
    ack(BOOT, 1, 1001),
    ack(BOOT, 2, 1002),
  ]);
}

/** Two blocks wait for the answers, which come in pieces. */
function hears(pieces: (bytes: Buffer) => Buffer[]) {
  const made = mote();
  for (let index = 0; index < 2; index++) {
    made.sample();
    made.seal();
  }
  made.greet();
  for (const piece of pieces(answers(made.nonce))) made.link.say(piece);
  assert.is(made.sdk.stats().acknowledged, 2);
  assert.equal(made.said(), ['data 0+1', 'data 1+1']);
  return made;
}

test('bytes that come glued, one by one, or cut anywhere', () => {
  hears((bytes) => [bytes]);
  hears((bytes) => [...bytes].map((byte) => Buffer.of(byte)));
  for (let cut = 0; cut < answers(0).length; cut++) {
    hears((bytes) => [bytes.subarray(0, cut), bytes.subarray(cut)]);
  }
});

test('garbage between frames is nothing', () => {
  const made = ready();
  made.sample();
  made.seal();
  const noise = [
    Buffer.from('boot: ESP-ROM\r\n\0'),
    Buffer.of(0, 0, 0),
    Buffer.of(255, 1, 0),
    Buffer.alloc(5000, 0x55),
    Buffer.of(0),
    ack(BOOT, 1, 1000).subarray(0, 5),
    Buffer.of(0),
  ];
  for (const bytes of noise) made.link.say(bytes);
  assert.ok(made.sdk.stats().ready);
  assert.is(made.sdk.stats().acknowledged, 0);
  made.ack(1);
  assert.is(made.sdk.stats().acknowledged, 1);
});

test('half a frame of a former connection does not spoil the next one', () => {
  const made = ready();
  made.link.say(ack(BOOT, 0, 1000).subarray(0, 6));
  made.link.events!.down();
  made.greet();
  made.link.say(Uint8Array.of(0));
  made.welcome();
  assert.ok(made.sdk.stats().ready);
});

test('a RESET with the DATA behind it: what is glued to it is ignored', () => {
  const made = ready();
  made.sample();
  made.seal();
  made.said();
  made.link.say(Buffer.concat([reset(5, 100), ack(BOOT, 1, 1000)]));
  assert.is(made.sdk.stats().acknowledged, 0);
  made.greet(100 + BACKOFF_MS);
  made.welcome();
  assert.equal(made.said(), ['data 0+1']);
});

test.run();

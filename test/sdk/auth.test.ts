import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AuthVectors } from '../proxy/vectors.js';
import { type Device, device } from './device.js';
import { cobs, frame, reset, uncobs, welcome } from './peer.js';

// A device with a key, PROTOCOL.md §9, against bytes that another implementation made.

const vectors = JSON.parse(readFileSync('test/vectors/auth.json', 'utf8')) as AuthVectors;
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const frameOf = (name: string) => bytes(vectors.frames.find((one) => one.name === name)!.frame);
const closed = (plain: Uint8Array) => Buffer.concat([cobs(plain), Uint8Array.of(0)]);
const challenge = (body = bytes(vectors.challenge)) => frame(body);

/** The frames that it wrote, body and check, in hex. */
function written({ link }: Device): string[] {
  const frames: string[] = [];
  let start = 0;
  for (let end = 0; end < link.written.length; end++) {
    if (link.written[end]) continue;
    if (end > start) {
      frames.push(Buffer.from(uncobs(link.written.subarray(start, end))).toString('hex'));
    }
    start = end + 1;
  }
  link.written = new Uint8Array(0);
  return frames;
}

/** Up to its first HELLO, which is the vectors'. */
function begin(key = vectors.key) {
  const made = device();
  const { sdk, engine, link } = made;
  sdk.auth(key);
  const climate = sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(2) });
  engine.draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
  const hw = sdk.producer({ device: 'mote-1', link, lingerMs: 60_000, retryBackoffMs: 431 / 0.75 });
  engine.advance(431);
  assert.equal(
    written(made).map((one) => one.slice(0, -8)),
    [vectors.hello],
  );
  const sample = (t = 21.5, rh = 40.25) => void hw.send(climate, { t, rh });
  return { ...made, sample };
}

function greeted(key = vectors.key) {
  const made = begin(key);
  made.link.say(challenge());
  assert.equal(written(made), [frameOf('PROOF').toString('hex')]);
  made.link.say(closed(frameOf('WELCOME')));
  assert.equal(written(made), [frameOf('TABLE').toString('hex')]);
  return made;
}

test('byte for byte: HELLO, PROOF, TABLE, DATA; what the proxy says; a session that is resumed', () => {
  const made = greeted();
  const { sdk, engine, link } = made;
  engine.advance(1000 - 431);
  made.sample();
  engine.advance(5001);
  made.sample(21.51, 40.22);
  engine.advance(4998);
  made.sample(21.51, 40.2);
  engine.advance(21);
  const flushed: boolean[] = [];
  sdk.flush((all) => flushed.push(all));
  assert.equal(written(made), [frameOf('DATA').toString('hex')]);
  link.say(closed(frameOf('ACK')));
  assert.equal(flushed, [true]);

  engine.advance(80);
  engine.draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
  link.events!.down();
  engine.advance(431);
  const again = vectors.frames.find(({ name }) => name.startsWith('PROOF at once'))!;
  const [hello = '', proof] = written(made);
  assert.is(hello.slice(0, -8), again.covers);
  assert.is(proof, again.frame);
  link.say(closed(frameOf('WELCOME of the resumed session')));
  assert.ok(sdk.stats().ready);
  written(made);
  link.say(challenge());
  assert.equal(written(made), [], 'a CHALLENGE that it did not need is not answered later');
});

test('nothing but a MAC makes it believe a WELCOME or an ACK', () => {
  const made = begin();
  made.link.say(welcome(0xdeadbeef, [[17, 0, 1000]]));
  assert.not.ok(made.sdk.stats().ready, 'a WELCOME with a CRC');
  made.link.say(challenge());
  written(made);
  const right = frameOf('WELCOME');
  for (let at = 0; at < right.length; at++) {
    const wrong = Buffer.from(right);
    wrong[at]! ^= 1;
    made.link.say(closed(wrong));
    assert.not.ok(made.sdk.stats().ready, `byte ${at}`);
  }
  for (let short = 1; short < 16; short++) made.link.say(closed(right.subarray(0, short)));
  made.link.say(closed(right));
  assert.ok(made.sdk.stats().ready);
});

test('what the proxy said counts once: its counter must be above the last one', () => {
  const made = greeted();
  // A weak nonce, as that of the session's first HELLO: the WELCOME of then would fit.
  made.engine.draws.push(0.5, (0xdeadbeef + 0.5) / 4e9);
  made.link.events!.down();
  made.engine.advance(2_000);
  assert.is(written(made).length, 2);
  made.link.say(closed(frameOf('WELCOME')));
  assert.not.ok(made.sdk.stats().ready);
});

test('a CHALLENGE counts while it greets, and not in a session', () => {
  const made = greeted();
  made.link.say(challenge());
  assert.equal(written(made), []);
  made.sample();
  made.sdk.flush(() => {});
  const [data = ''] = written(made);
  assert.is(data.slice(0, 2), '04');
  assert.is(data.slice(-24, -16), '00000003', 'the counter goes on');
});

test('a CHALLENGE before its first HELLO, as of a former life on a line, is nothing', () => {
  const made = device();
  made.sdk.auth(vectors.key);
  made.link.room = 0;
  made.sdk.producer({ device: 'mote-1', link: made.link });
  made.link.connects = false;
  made.engine.advance(1_000);
  made.link.say(challenge());
  made.link.events!.up();
  made.link.room = Infinity;
  made.link.events!.ready();
  assert.equal(
    written(made).map((one) => one.slice(0, 2)),
    ['01'],
  );
});

test('RESET is a hint: it backs off as it would by itself, and forgets nothing', () => {
  const made = greeted();
  made.sample();
  made.sdk.flush(() => {});
  written(made);
  // Said often in one segment, it is one: the link is closed by then.
  const often = Buffer.concat(Array.from({ length: 30 }, () => reset(4, 3_600_000)));
  made.link.say(often);
  assert.is(made.link.closed, 2);
  made.engine.advance(2_000);
  assert.is(written(made)[0]!.slice(0, 2), '01');
  assert.is(made.sdk.stats().buffered, 1);
});

test('a proxy that has forgotten the session challenges, and all is as at first', () => {
  const made = greeted();
  made.link.events!.down();
  made.engine.advance(2_000);
  const [, former] = written(made);
  assert.is(former!.slice(0, 2), '08');
  made.link.say(challenge());
  const [fresh] = written(made);
  assert.is(fresh!.slice(2, 10), '00000001', 'the counter begins anew');
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkFrame, cobsDecode, cobsEncode, encodeFrame, FrameReader } from '../../proxy/frame.js';
import { fromHex, toHex, vectors } from './vectors.js';

interface Vectors {
  cases: { name: string; plain: string; encoded: string }[];
}
interface Messages {
  cases: { name: string; body: string; frame: string }[];
  broken: { name: string; frame: string }[];
}

const cobs = vectors<Vectors>('cobs');
const messages = vectors<Messages>('messages');

function reader() {
  const seen: string[] = [];
  const frames = new FrameReader({
    frame: (frame) => {
      const body = checkFrame(frame);
      seen.push(typeof body === 'string' ? body : toHex(body));
    },
    broken: (why) => seen.push(why),
  });
  return { seen, frames };
}

for (const { name, plain, encoded } of cobs.cases) {
  test(`COBS: ${name}`, () => {
    assert.is(toHex(cobsEncode(fromHex(plain))), encoded);
    assert.is(toHex(cobsDecode(fromHex(encoded))!), plain);
  });
}

for (const { name, body, frame } of messages.cases) {
  test(`frame: ${name}`, () => {
    const { seen, frames } = reader();
    frames.push(fromHex(frame));
    assert.equal(seen, [body]);
    assert.is(toHex(encodeFrame(fromHex(body))), frame);
  });
}

for (const { name, frame } of messages.broken) {
  test(`broken: ${name}`, () => {
    const { seen, frames } = reader();
    frames.push(fromHex(frame));
    frames.push(fromHex(messages.cases[0]!.frame));
    assert.is(seen.pop(), messages.cases[0]!.body);
    assert.ok(seen.length > 0);
    for (const why of seen) assert.ok(['check', 'short', 'cobs'].includes(why), why);
  });
}

test('frames cut anywhere come out whole', () => {
  const stream = fromHex(`00${messages.cases.map((one) => one.frame).join('')}`);
  const bodies = messages.cases.map((one) => one.body);
  for (const size of [1, 2, 3, 7, 50]) {
    const { seen, frames } = reader();
    for (let at = 0; at < stream.length; at += size) frames.push(stream.subarray(at, at + size));
    assert.equal(seen, bodies);
  }
});

test('a frame beyond the limit is dropped once, and the next one is read', () => {
  const good = fromHex(messages.cases[0]!.frame);
  for (const pieces of [
    [new Uint8Array(100_000).fill(7)],
    Array(99).fill(new Uint8Array(99).fill(7)),
  ]) {
    const { seen, frames } = reader();
    for (const piece of pieces) frames.push(piece);
    frames.push(Uint8Array.of(0));
    frames.push(good);
    assert.equal(seen, ['oversize', messages.cases[0]!.body]);
  }
  const whole = reader();
  whole.frames.push(new Uint8Array(3000).fill(7).fill(0, 2999));
  assert.equal(whole.seen, ['oversize']);
});

test('empty frames are nothing; the largest frame passes, one more byte does not', () => {
  const { seen, frames } = reader();
  frames.push(new Uint8Array(50));
  assert.equal(seen, []);
  frames.push(encodeFrame(new Uint8Array(2300).fill(1)));
  frames.push(encodeFrame(new Uint8Array(2301).fill(1)));
  assert.equal(
    seen.map((one) => one.length),
    [4600, 'oversize'.length],
  );
});

test.run();

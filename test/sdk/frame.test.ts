import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { put, takeBytes } from '../../sdk/cbor.js';
import { crc32 } from '../../sdk/engine.js';
import { putFrame, receiver, frame as sent } from '../../sdk/frame.js';
import { FRAME_READ_BYTES_MAX } from '../../sdk/limits.js';
import { Random } from '../random.js';
import { body, cobs, frame, uncobs } from './peer.js';

// Frames against the other end's COBS (test/sdk/peer.ts) and zlib's CRC-32.

const bytesOf = (length: number, make: () => number) => Buffer.from(Array.from({ length }, make));

function encoded(plain: Uint8Array): Buffer {
  const end = putFrame(() => plain.forEach(put));
  return Buffer.from(sent.subarray(0, end));
}

function checkWriting(plain: Uint8Array) {
  const bytes = encoded(plain);
  const expected = Buffer.concat([Uint8Array.of(0), frame(plain)]);
  assert.ok(bytes.equals(expected), Buffer.from(plain).toString('hex'));
}

test('cobs.json: what the peer encodes', () => {
  const { cases } = JSON.parse(readFileSync('test/vectors/cobs.json', 'utf8')) as {
    cases: { plain: string; encoded: string }[];
  };
  for (const { plain, encoded } of cases) {
    assert.is(Buffer.from(cobs(Buffer.from(plain, 'hex'))).toString('hex'), encoded);
    assert.is(Buffer.from(uncobs(Buffer.from(encoded, 'hex'))).toString('hex'), plain);
  }
});

test('CRC-32: the check value of "123456789"', () => {
  assert.is(crc32(Buffer.from('xx123456789x'), 2, 11), 0xcbf43926);
});

test('written: every pattern of zeros in bodies of up to 10 bytes', () => {
  for (let length = 1; length <= 10; length++) {
    for (let pattern = 0; pattern < 1 << length; pattern++) {
      checkWriting(bytesOf(length, () => 0).map((_, index) => (pattern >> index) & 1));
    }
  }
});

test('written: random bodies of 1 to 250 bytes, with many zeros, few and none', () => {
  const random = new Random(1);
  for (let length = 1; length <= 250; length++) {
    for (const zeros of [0, 0.02, 0.5, 0.9, 1]) {
      checkWriting(bytesOf(length, () => (random.next() < zeros ? 0 : 1 + random.below(255))));
    }
  }
});

/** Gives a stream of bytes to the reader, in pieces; only the bodies that are expected may come, each of them, in order. */
function checkReading(stream: Uint8Array, expected: readonly Uint8Array[], random: Random) {
  let come = 0;
  const onBody = () => {
    const body = expected[come++];
    assert.ok(body, 'a body that nobody sent');
    for (const byte of body) assert.is(takeBytes(1), byte);
  };
  const receive = receiver(onBody);
  for (let start = 0; start < stream.length; ) {
    const end = Math.min(stream.length, start + 1 + random.below(random.pick([1, 20, 500])));
    receive(Uint8Array.from(stream.subarray(start, end)));
    start = end;
  }
  assert.is(come, expected.length);
}

/** By the peer's reading: what lies between two 0x00, is whole and no longer than the device reads. */
function goodBodies(stream: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let start = 0;
  for (let end = 0; end < stream.length; end++) {
    if (stream[end]) continue;
    try {
      const good = body(stream.subarray(start, end));
      if (good.length + 4 <= FRAME_READ_BYTES_MAX) found.push(good);
    } catch {
      // Broken: nobody is told.
    }
    start = end + 1;
  }
  return found;
}

const ends = Buffer.of(0);
const good = Buffer.of(5, 24, 77, 0, 0, 24, 100, 0);

test('read: bodies of 1 to 124 bytes, glued and in pieces', () => {
  const random = new Random(2);
  const all: Buffer[] = [];
  for (let length = 1; length <= FRAME_READ_BYTES_MAX - 4; length++) {
    for (const zeros of [0, 0.3, 1]) {
      const made = bytesOf(length, () => (random.next() < zeros ? 0 : 1 + random.below(255)));
      // A body begins with its type.
      made[0] = 1 + random.below(23);
      all.push(made);
    }
  }
  checkReading(Buffer.concat([ends, ...all.map(frame)]), all, random);
});

test('read: every truncation of a frame, and a good one behind it', () => {
  const random = new Random(3);
  const whole = frame(good);
  for (let length = 0; length < whole.length - 1; length++) {
    const stream = Buffer.concat([whole.subarray(0, length), ends, whole]);
    checkReading(stream, [good], random);
  }
  for (let from = 1; from < whole.length; from++) {
    checkReading(Buffer.concat([whole.subarray(from), ends, whole]), [good], random);
  }
});

test('read: every flipped bit of a frame, and a good one behind it', () => {
  const random = new Random(4);
  const whole = frame(good);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    checkReading(Buffer.concat([flipped, ends, whole]), [good], random);
  }
});

test('read: frames longer than the buffer, then a good one', () => {
  const random = new Random(5);
  for (const length of [124, 125, 126, 127, 128, 129, 250, 251, 252, 253, 254, 300, 2300, 70_000]) {
    for (const fill of [0, 7]) {
      const long = Buffer.alloc(length, fill);
      long[0] = 2;
      const stream = Buffer.concat([frame(long), frame(good)]);
      checkReading(stream, length === 124 ? [long, good] : [good], random);
    }
  }
});

test('read: noise with frames in it, damaged and whole', () => {
  const random = new Random(6);
  for (let round = 0; round < 400; round++) {
    const parts: Buffer[] = [ends];
    for (let part = 0; part < 30; part++) {
      const made = bytesOf(1 + random.below(160), () => random.pick([0, random.below(256)]));
      made[0] = 1 + random.below(23);
      const whole = Buffer.from(frame(made));
      switch (random.below(4)) {
        case 0:
          parts.push(bytesOf(random.below(300), () => random.below(random.pick([4, 256]))));
          break;
        case 1:
          whole[random.below(whole.length)]! ^= 1 << random.below(8);
          parts.push(whole);
          break;
        case 2:
          parts.push(whole.subarray(0, random.below(whole.length)));
          break;
        default:
          parts.push(ends, whole);
      }
    }
    parts.push(ends);
    const stream = Buffer.concat(parts);
    checkReading(stream, goodBodies(stream), random);
  }
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { closed, encodeFrame, FrameReader } from '../../../proxy/frame.js';
import { type Described, Describer } from '../../../proxy/lines/describe.js';
import { type AuthVectors, fromHex, toHex, vectors } from '../vectors.js';

// Frames as lines for a person, of bytes that both ends' tests read.

interface Capture {
  steps: { bytes: string }[];
}
interface Envelopes {
  cases: { stream: string }[];
}

const events = 'climate t=21.5 rh=40.25 · climate t=21.51 rh=40.22 · climate t=21.51 rh=40.2';

function described(streams: readonly string[]): string[] {
  const describer = new Describer();
  const seen: Described[] = [];
  const frames = new FrameReader({
    frame: (frame) => seen.push(describer.describe(frame)),
    broken: (why) => seen.push({ what: 'broken', text: why, isSound: false }),
  });
  for (const stream of streams) frames.push(fromHex(stream));
  return seen.map(({ what, text, isSound }) => `${isSound ? '' : '! '}${what} ${text}`);
}

test('the worked capture, line by line', () => {
  const { steps } = vectors<Capture>('capture');
  assert.equal(described(steps.map(({ bytes }) => bytes)), [
    'HELLO mote-1, up 431 ms, boot wanted seqs 0 to 0, nonce 3735928559',
    'WELCOME boot 1763956800 expects seq 0, takes up to 256, nonce 3735928559',
    'TABLE part 0: climate',
    `DATA boot 1763956800 seqs 0 to 2, up 11020 ms: ${events}`,
    'HELLO mote-1, up 11531 ms, boot 1763956800 seqs 0 to 3, nonce 195939070',
    'WELCOME boot 1763956800 expects seq 0, takes up to 256, nonce 195939070',
    `DATA boot 1763956800 seqs 0 to 2, up 11551 ms: ${events}`,
    'ACK boot 1763956800 below seq 3, takes up to 259',
  ]);
});

test('frames in envelopes, and a line that was opened anew', () => {
  assert.equal(described(vectors<Envelopes>('envelopes').cases.map(({ stream }) => stream)), [
    'ACK channel 0: boot 1763956800 below seq 3, takes up to 259',
    'HELLO channel 23: mote-1, up 431 ms, boot wanted seqs 0 to 0, nonce 305419896',
    'DATA channel 300: boot 1763956800 seqs 5 to 7, up 9996 ms: 3 events, 18 B, their table did not cross the line yet',
    'CHANNEL 65535 opened anew',
  ]);
});

test('who may speak on a bus', () => {
  assert.equal(described(vectors<Envelopes>('bus').cases.map(({ stream }) => stream)), [
    'POLL channel 7: 3, up to 2304 B',
    'END channel 7: 3',
    'POLL channel 200: 23, up to 2304 B',
    'END channel 200: 23, more waits',
  ]);
});

test('what is broken is said and is not sound', () => {
  assert.equal(described(['0501020304050600', '03010200']), [
    '! broken cobs',
    '! broken 2 B: short',
  ]);
});

test('frames with a MAC are read without a key, and marked', () => {
  const { frames } = vectors<AuthVectors>('auth');
  const all = frames.map(({ frame }) => toHex(closed(fromHex(frame))));
  assert.equal(
    described(all).map((line) => line.split(' ')[0]),
    ['PROOF', 'WELCOME', 'TABLE', 'DATA', 'ACK', 'PROOF', 'WELCOME'],
  );
  for (const line of described(all)) assert.match(line, /\(with a MAC\)$/);
});

test('a text where a number belongs does not reach the terminal as it is', () => {
  const obeyed = Uint8Array.of(6, 0x63, 0x1b, 0x5b, 0x4a, 0);
  assert.equal(described([toHex(encodeFrame(obeyed))]), ['RESET reason "\\u001b[J"']);
});

test('a whole number beyond 2^53 within an undeclared value', () => {
  const { steps } = vectors<Capture>('capture');
  const value = [0x64, ...Buffer.from('note'), 0, 0x81, 0x1b, ...new Uint8Array(8).fill(255)];
  const data = [4, 0x1a, 0x69, 0x23, 0xd8, 0x40, 1, 0, 3, 1, 0, ...value];
  const said = [
    ...steps.slice(0, 3).map(({ bytes }) => bytes),
    toHex(encodeFrame(Uint8Array.from(data))),
  ];
  assert.is(
    described(said).at(-1),
    'DATA boot 1763956800 seq 3, up 1 ms: note ["18446744073709551615"]',
  );
});

test('what lacks items behind a right check is malformed', () => {
  const short = [2, 5, 6, 11, 12].map((type) => toHex(encodeFrame(Uint8Array.of(type, 1))));
  assert.equal(
    described(short),
    ['WELCOME', 'ACK', 'RESET', 'POLL', 'END'].map(
      (what) => `! ${what} malformed: items are missing`,
    ),
  );
});

test.run();

import {
  type Broken,
  checkFrame,
  cobsDecode,
  cobsEncode,
  encodeFrame,
  FrameReader,
  framesOf,
} from '../../../proxy/frame.js';
import { FRAME_BYTES_MAX } from '../../../sdk/wire.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { Random } from '../../random.js';
import { uncobs } from '../../sdk/peer.js';
import { stream } from '../arbitraries.js';
import { pieces } from '../script.js';
import { check, type Subject, same, type Target } from '../target.js';

// A byte stream, as it comes from a line.

type Read = Uint8Array | Broken;

function read(chunks: readonly Uint8Array[]): Read[] {
  const found: Read[] = [];
  const reader = new FrameReader({
    frame: (frame) => void found.push(frame),
    broken: (why) => void found.push(why),
  });
  for (const chunk of chunks) reader.push(chunk);
  return found;
}

const nameOf = (one: Read): string => (typeof one === 'string' ? one : 'frame');

function run(input: Uint8Array): string {
  const whole = read([input]);
  const parts = read(pieces(input, new Random(input.length), 1 + ((input[0] ?? 0) % 40)));
  check(whole.length === parts.length, 'other frames where the bytes come in pieces');
  let expected = 0;
  let start = 0;
  for (let at = 0; at <= input.length; at++) {
    if (at < input.length && input[at] !== 0) continue;
    // Of what no 0x00 ends, only what is too long is known to be nothing.
    if (at > start && (at < input.length || whole.length > expected)) expected++;
    start = at + 1;
  }
  check(
    whole.length === expected,
    'what lies between two 0x00 is not one frame, or one that is broken',
  );
  const outcomes = new Set<string>();
  for (const [index, one] of whole.entries()) {
    const other = parts[index]!;
    check(nameOf(one) === nameOf(other), 'another outcome where the bytes come in pieces');
    outcomes.add(nameOf(one));
    if (typeof one === 'string' || typeof other === 'string') continue;
    check(same(one, other), 'another frame where the bytes come in pieces');
    outcomes.add(frame(one));
  }
  const [first] = whole;
  const isFirstWhole = input[0] !== 0 && input.indexOf(0) > 0 && input.length < 400;
  if (isFirstWhole && first !== undefined) checkCobs(input.subarray(0, input.indexOf(0)), first);
  return [...outcomes].sort().join(' ');
}

function frame(bytes: Uint8Array): string {
  check(same(cobsDecode(cobsEncode(bytes))!, bytes), 'COBS of it is another frame');
  const body = checkFrame(bytes);
  if (typeof body === 'string') return body;
  check(body.length + 4 <= FRAME_BYTES_MAX, 'a frame beyond the limit');
  const [again] = framesOf(encodeFrame(body));
  check(again !== undefined && same(again, bytes), 'encoded again it is another frame');
  return 'sound';
}

/** A decoder that shares nothing with the proxy's. */
function checkCobs(encoded: Uint8Array, found: Read): void {
  let plain: Uint8Array | null = null;
  try {
    plain = uncobs(encoded);
  } catch {
    // It is no COBS.
  }
  if (typeof found === 'string') check(plain === null, 'COBS was taken for none');
  else check(plain !== null && same(plain, found), 'decoded to other bytes');
}

export const frameTarget: Target = {
  name: 'frame',
  checks:
    'the same frames whether bytes come whole or in pieces; each stretch between two 0x00 is one frame or one outcome; decode(encode(x)) = x',
  arbitrary: stream,
  seeds: () => [
    ...vectors<{ cases: { name: string; encoded: string }[] }>('cobs').cases.map(
      ({ name, encoded }) => ({
        name: `cobs: ${name}`,
        bytes: fromHex(`${encoded}00`),
      }),
    ),
    ...vectors<{ cases: { name: string; frame: string }[] }>('messages').cases.map(
      ({ name, frame }) => ({
        name,
        bytes: fromHex(frame),
      }),
    ),
  ],
  fresh: (): Subject => ({ run }),
};

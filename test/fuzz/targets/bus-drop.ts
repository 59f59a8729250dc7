import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, isEnvelope } from '../../../proxy/envelope.js';
import { checkFrame, encodeFrame, FrameReader, toStream } from '../../../proxy/frame.js';
import type { Link, LinkEvents } from '../../../sdk/links/link.js';
import { rs485 } from '../../../sdk/links/rs485.js';
import { END, POLL } from '../../../sdk/wire.js';
import { helloBody } from '../../proxy/talk.js';
import { type BusVectors, fromHex, vectors } from '../../proxy/vectors.js';
import { Random } from '../../random.js';
import { body, checked, item, stream } from '../arbitraries.js';
import { join, uint } from '../cbor-writer.js';
import { pieces } from '../script.js';
import { check, same, type Target } from '../target.js';

// A device on a shared line, PROTOCOL.md §14, and whatever crosses that line: the frames of others, noise, and polls with numbers that no
// master says. In the end an honest master polls it.

const address = 7;
/** The most of a frame that is handed on, with its zeros and its code. */
const heardBytesMax = 140;

const poll = (number: number): Uint8Array => {
  const frame = checked(join(uint(POLL), uint(number), uint(2_304)));
  return join(Uint8Array.of(0), toStream([encodeEnvelope({ channel: address, frame })]));
};

function run(input: Uint8Array): string {
  const written: Uint8Array[] = [];
  const outcomes = new Set<string>();
  let told: LinkEvents | null = null;
  const line: Link = {
    open(events) {
      told = events;
    },
    write(bytes) {
      written.push(bytes.slice());
      return bytes.length;
    },
    close() {},
  };
  const heard: Uint8Array[] = [];
  const core = readerOf(heard);
  const link = rs485(line, address);
  let isReady = true;
  link.open({
    up() {},
    down: () => check(false, 'down, and the line is up'),
    ready() {
      isReady = true;
    },
    data(bytes) {
      check(bytes.length <= heardBytesMax, 'more is handed on than a device reads');
      core.push(bytes);
    },
  });
  const events = told as LinkEvents | null;
  check(events !== null, 'the line was not opened');
  const hello = helloBody([{ boot: 77 }]);
  const frame = encodeFrame(hello);
  check(link.write(frame) === frame.length, 'a frame was not taken, and none waits');
  for (const piece of pieces(input, new Random(input.length), 90)) events.data(piece);
  isReady = link.write(frame) === frame.length;
  for (const number of [1, 2, 3]) events.data(poll(number));
  judge(written, hello, outcomes);
  judgeHeard(heard, input);
  if (heard.length > 0) outcomes.add('heard');
  check(isReady, 'a frame waits for ever');
  return [...outcomes].sort().join(' ');
}

const readerOf = (frames: Uint8Array[]) =>
  new FrameReader({ frame: (one) => void frames.push(one), broken() {} });

/** What is handed on is what came in its own envelopes, in its order. */
function judgeHeard(heard: readonly Uint8Array[], input: Uint8Array): void {
  const crossed: Uint8Array[] = [];
  readerOf(crossed).push(join(input, Uint8Array.of(0)));
  const mine = crossed.flatMap((one) => {
    const envelope = isEnvelope(one) ? decodeEnvelope(one) : null;
    return envelope?.channel === address ? [envelope.frame] : [];
  });
  let at = 0;
  for (const one of heard) {
    while (at < mine.length && !same(mine[at]!, one)) at++;
    check(at++ < mine.length, 'a frame is handed on that did not come, or not to it');
  }
}

/** All that was said is in its envelope, and the last poll has its END. */
function judge(written: readonly Uint8Array[], hello: Uint8Array, outcomes: Set<string>): void {
  const bodies: Uint8Array[] = [];
  const reader = new FrameReader({
    frame(bytes) {
      const envelope = isEnvelope(bytes) ? decodeEnvelope(bytes) : null;
      check(envelope?.channel === address, 'it speaks in a name that is not its own');
      const inside = checkFrame(envelope.frame);
      check(typeof inside !== 'string', 'it says a broken frame');
      bodies.push(inside);
    },
    broken: (why) => check(false, `it says a broken frame: ${why}`),
  });
  for (const bytes of written) reader.push(bytes);
  const last = bodies.at(-1);
  check(last?.[0] === END && last[1] === 3, 'an honest poll was not answered');
  check(
    bodies.some((one) => same(one, hello)),
    'what it had to say did not come',
  );
  if (bodies.length > 5) outcomes.add('polled by others');
}

const ofMine = fc
  .oneof(
    fc.tuple(item, item).map((items) => join(uint(POLL), ...items)),
    body,
  )
  .map((inside) => toStream([encodeEnvelope({ channel: address, frame: checked(inside) })]));

export const busDropTarget: Target = {
  name: 'bus-drop',
  checks:
    'a device on a shared line speaks in its own envelopes alone, hands on no more than a frame, and answers an honest poll with all that waits',
  arbitrary: fc
    .array(fc.oneof({ weight: 3, arbitrary: ofMine }, { weight: 1, arbitrary: stream }), {
      maxLength: 4,
    })
    .map((parts) => join(...parts)),
  seeds: () =>
    vectors<BusVectors>('bus').cases.map(({ name, stream: hex }) => ({
      name,
      bytes: fromHex(hex),
    })),
  fresh: () => ({ run }),
};

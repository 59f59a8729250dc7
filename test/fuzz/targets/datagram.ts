import fc from 'fast-check';
import { framesOfDatagram, toDatagram } from '../../../proxy/datagram.js';
import { FrameReader, toStream } from '../../../proxy/frame.js';
import { datagrams } from '../../../sdk/links/datagrams.js';
import type { Link, LinkEvents } from '../../../sdk/links/link.js';
import { fromHex, vectors } from '../../proxy/vectors.js';
import { bytesOf, frame } from '../arbitraries.js';
import { join } from '../cbor-writer.js';
import { check, same, type Target } from '../target.js';

// A datagram as it comes from anywhere, at the proxy and at a device.

/** The most that a device's link hands on. */
const deviceBytesMax = 253;

function run(input: Uint8Array): string {
  const frames = framesOfDatagram(input);
  const heard = atDevice(input);
  if (frames === null) return `broken, ${heard.length > 0}`;
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  check(bytes + 2 * frames.length <= input.length, 'more came out than was in');
  const again = framesOfDatagram(join(...frames.map(toDatagram)));
  check(again?.length === frames.length, 'decode(encode(x)) is not x');
  for (const [at, one] of frames.entries())
    check(same(one, again![at]!), 'decode(encode(x)) is not x');
  // What a session reads of it.
  const found: Uint8Array[] = [];
  let broken = 0;
  new FrameReader({ frame: (one) => void found.push(one), broken: () => broken++ }).push(
    toStream(frames),
  );
  check(found.length + broken === frames.length, 'a frame is lost between datagram and session');
  if (broken === 0)
    for (const [at, one] of found.entries()) check(same(one, frames[at]!), 'another frame');
  const small = frames.findIndex(({ length }) => length > deviceBytesMax);
  const expected = small < 0 ? frames : frames.slice(0, small);
  check(heard.length === expected.length, 'the device hears other frames');
  for (const [at, one] of heard.entries())
    check(same(one, expected[at]!), 'the device hears other frames');
  return `${Math.min(frames.length, 4)} frames, ${broken} broken`.slice(0, 40);
}

function atDevice(input: Uint8Array): Uint8Array[] {
  let told: LinkEvents | undefined;
  const way: Link = {
    open(events) {
      told = events;
    },
    write: ({ length }) => length,
    close() {},
  };
  const heard: Uint8Array[] = [];
  const reader = new FrameReader({
    frame: (one) => void heard.push(one),
    broken: (why) => check(false, `the device hears a broken frame: ${why}`),
  });
  const data = (bytes: Uint8Array) => reader.push(bytes);
  datagrams(way).open({ up() {}, down() {}, ready() {}, data });
  told?.data(input);
  return heard;
}

export const datagramTarget: Target = {
  name: 'datagram',
  checks:
    'the frames that lie in it, or none; decode(encode(x)) = x; session and device hear the same',
  arbitrary: fc
    .tuple(fc.array(fc.oneof(frame, bytesOf(20)), { maxLength: 4 }), bytesOf(3))
    .map(([frames, more]) => join(...frames.map(toDatagram), more)),
  seeds: () =>
    vectors<{ cases: { name: string; datagrams: string[] }[] }>('datagrams').cases.flatMap(
      ({ name, datagrams: all }) =>
        all.map((hex, at) => ({ name: `${name} ${at}`, bytes: fromHex(hex) })),
    ),
  fresh: () => ({ run }),
};

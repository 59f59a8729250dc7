import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeEnvelope } from '../../../proxy/envelope.js';
import { encodeFrame, framesOf, toStream } from '../../../proxy/frame.js';
import { encodePoll } from '../../../proxy/lines/poll.js';
import type { LinkEvents } from '../../../sdk/links/link.js';
import { rs485 } from '../../../sdk/links/rs485.js';
import { type BusVectors, fromHex, toHex, vectors } from '../../proxy/vectors.js';

// A drop at the device's end of a bus: what it says, when, and to what it listens.

function harness(address: number) {
  const said: number[] = [];
  const told: string[] = [];
  let line: LinkEvents | undefined;
  /** Bytes that the line takes until it is asked again. */
  const wire = { takes: 1e6 };
  const link = rs485(
    {
      open(events) {
        line = events;
      },
      write(bytes) {
        const taken = Math.min(bytes.length, wire.takes);
        wire.takes -= taken;
        said.push(...bytes.subarray(0, taken));
        return taken;
      },
      close() {},
    },
    address,
  );
  link.open({
    up: () => told.push('up'),
    down: () => told.push('down'),
    ready: () => told.push('ready'),
    data: (bytes) => told.push(toHex(bytes)),
  });
  /** What was said since it was asked last: the frames, out of their envelopes. */
  const heard = () => framesOf(Uint8Array.from(said.splice(0))).map(toHex);
  const hear = (channel: number, frame: Uint8Array) => {
    line!.data(Uint8Array.from([0, ...toStream([encodeEnvelope({ channel, frame })])]));
  };
  return { link, told, wire, heard, hear, line: line! };
}

const plain = (...body: number[]) => framesOf(encodeFrame(Uint8Array.from(body)))[0]!;
const enveloped = (channel: number, frame: Uint8Array) => toHex(encodeEnvelope({ channel, frame }));

test('it speaks when it is polled, frame by frame, and says END', () => {
  const { link, told, heard, hear } = harness(7);
  const [one, two] = [plain(1, 0, 9), plain(4, 0, 0)];
  const both = Buffer.concat([Buffer.of(0), toStream([one]), Buffer.of(0), toStream([two])]);
  const taken = link.write(both);
  assert.ok(taken < both.length, 'one frame waits, the other is not taken');
  assert.is(link.write(both.subarray(taken)), 0);
  assert.equal(heard(), []);
  hear(8, encodePoll(1, 2_304));
  assert.equal(heard(), [], 'another is polled');
  hear(7, encodePoll(2, 2_304));
  assert.equal(heard(), [enveloped(7, one), enveloped(7, plain(12, 2, 0))]);
  assert.equal(told, ['ready']);
  assert.is(link.write(both.subarray(taken)), both.length - taken);
  hear(7, encodePoll(3, 5));
  assert.equal(heard(), [enveloped(7, plain(12, 3, 1))], 'more than is granted waits');
  hear(7, encodePoll(4, 2_304));
  assert.equal(heard(), [enveloped(7, two), enveloped(7, plain(12, 4, 0))]);
});

test('a line that takes a few bytes at a time', () => {
  const { link, wire, heard, hear, line } = harness(7);
  const frame = plain(...Array.from({ length: 250 }, (_, at) => (at % 9) + 1));
  link.write(toStream([frame]));
  wire.takes = 3;
  hear(7, encodePoll(5, 2_304));
  for (let turn = 0; turn < 200; turn++) {
    wire.takes = 3;
    line.ready();
  }
  assert.equal(heard(), [enveloped(7, frame), enveloped(7, plain(12, 5, 0))]);
});

test('what comes in an envelope of its own is a frame, everything else is nothing', () => {
  const { told, heard, hear, line } = harness(200);
  const ack = plain(5, 1, 2, 3, 0);
  hear(200, ack);
  hear(7, ack);
  line.data(toStream([ack]));
  line.data(new Uint8Array(700).fill(0x55));
  line.data(Uint8Array.of(0, 9, 9, 0, 0));
  const poll = encodePoll(6, 2_304);
  poll[1]! ^= 1;
  hear(200, poll);
  assert.equal([told, heard()], [[`00${toHex(toStream([ack]))}`], []]);
});

for (const { name, channel, poll, end, stream } of vectors<BusVectors>('bus').cases) {
  if (end === undefined) continue;
  test(`vector: ${name}`, () => {
    const { link, heard, hear } = harness(channel);
    if (end.more) link.write(toStream([plain(4, 0, 0)]));
    hear(channel, encodePoll(end.number, end.more ? 5 : 2_304));
    assert.is(poll, undefined);
    assert.equal(heard(), framesOf(fromHex(stream)).map(toHex));
  });
}

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { framesOfDatagram, toDatagram } from '../../proxy/datagram.js';
import { Fragments } from '../../proxy/fragments.js';
import { framesOf, toStream } from '../../proxy/frame.js';
import { FRAGMENT } from '../../sdk/wire.js';
import { TestClock } from './talk.js';
import { type DatagramVectors, fromHex, toHex, vectors } from './vectors.js';

// Datagrams at the proxy's end: what the SDK makes of frames is read as the same frames, whole or in fragments.

const CHECK_BYTES = 4;

for (const { name, stream, datagrams } of vectors<DatagramVectors>('datagrams').cases) {
  test(`vector: ${name}`, () => {
    const fragments = new Fragments(new TestClock());
    const frames = datagrams
      .flatMap((datagram) => framesOfDatagram(fromHex(datagram))!)
      .flatMap((frame) => {
        if (frame[0] !== FRAGMENT) return [frame];
        const answer = fragments.take(frame.subarray(0, -CHECK_BYTES));
        return answer.type === 'frame' ? [answer.frame] : [];
      });
    assert.is(toHex(toStream(frames)), stream);
  });
}

test('what a session sends goes out as it came from a stream', () => {
  const frames = [Uint8Array.of(5, 0, 0, 7), Uint8Array.of(6, 1)];
  assert.equal(framesOf(toStream(frames)).map(toHex), frames.map(toHex));
  assert.equal(framesOfDatagram(toDatagram(frames[0]!))!.map(toHex), [toHex(frames[0]!)]);
});

test('filling is nothing, and a length behind the end spoils the datagram', () => {
  assert.equal(framesOfDatagram(Uint8Array.of(0, 0, 0, 1, 9, 0, 0, 7))!.map(toHex), ['09']);
  assert.is(framesOfDatagram(Uint8Array.of(0, 1, 9, 0, 2, 9)), null);
});

test.run();

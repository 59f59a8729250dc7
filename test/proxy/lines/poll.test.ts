import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeEnvelope } from '../../../proxy/envelope.js';
import { checkFrame, toStream } from '../../../proxy/frame.js';
import { decodeEnd, encodePoll } from '../../../proxy/lines/poll.js';
import { type BusVectors, fromHex, toHex, vectors } from '../vectors.js';

for (const { name, channel, poll, end, frame, stream } of vectors<BusVectors>('bus').cases) {
  test(`vector: ${name}`, () => {
    if (poll !== undefined) assert.is(toHex(encodePoll(poll.number, poll.granted)), frame);
    const body = checkFrame(fromHex(frame));
    assert.ok(typeof body !== 'string');
    assert.equal(decodeEnd(body), end ?? null);
    assert.is(toHex(toStream([encodeEnvelope({ channel, frame: fromHex(frame) })])), stream);
  });
}

test('what is no END', () => {
  assert.is(decodeEnd(Uint8Array.of(12, 24, 0)), null, 'numbers end below 24, in one byte');
  assert.is(decodeEnd(Uint8Array.of(12, 3, 2)), null);
  assert.is(decodeEnd(Uint8Array.of(12, 3)), null);
  assert.is(decodeEnd(Uint8Array.of(5, 3, 0)), null);
  assert.is(decodeEnd(new Uint8Array()), null);
});

test.run();

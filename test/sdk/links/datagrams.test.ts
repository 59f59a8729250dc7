import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame } from '../../../proxy/frame.js';
import { datagrams } from '../../../sdk/links/datagrams.js';
import type { LinkEvents } from '../../../sdk/links/link.js';
import { type DatagramVectors, fromHex, toHex, vectors } from '../../proxy/vectors.js';

// Frames in datagrams at the device's end: what goes out, what comes in, and a way that takes nothing for a while.

function harness(mtuBytes?: number) {
  const sent: Uint8Array[] = [];
  const told: string[] = [];
  let way: LinkEvents | undefined;
  const wire = { isFull: false };
  const link = datagrams(
    {
      open(events) {
        way = events;
      },
      write(bytes) {
        if (wire.isFull) return 0;
        sent.push(bytes.slice());
        return bytes.length;
      },
      close() {},
    },
    mtuBytes,
  );
  link.open({
    up: () => told.push('up'),
    down: () => told.push('down'),
    ready: () => told.push('ready'),
    data: (bytes) => told.push(Buffer.from(bytes).toString('hex')),
  });
  return { link, sent, told, wire, way: way! };
}

const hello = encodeFrame(Uint8Array.of(1, 0, 0, 9));
const data = encodeFrame(Uint8Array.of(4, 0, 7));

test('a frame is a datagram, HELLO is filled up, and a frame comes back as it went', () => {
  const { link, sent, told, way } = harness();
  const both = Buffer.concat([Buffer.of(0), hello, data]);
  assert.is(link.write(both.subarray(0, 4)), 4);
  assert.is(link.write(both.subarray(4)), both.length - 4);
  assert.equal(
    sent.map(({ length }) => length),
    [128, 9],
  );
  for (const datagram of sent) way.data(datagram);
  assert.equal(
    told,
    [hello, data].map((frame) => `00${Buffer.from(frame).toString('hex')}`),
  );
  way.data(Uint8Array.of(0, 9, 1));
  way.data(Uint8Array.of(255, 255));
  assert.is(told.length, 2, 'what is cut short is nothing');
});

test('a way that is full: no more is taken than one frame, and ready comes when that is gone', () => {
  const { link, sent, told, wire, way } = harness();
  wire.isFull = true;
  assert.is(link.write(data), data.length);
  assert.is(link.write(data), 0);
  way.ready();
  assert.equal(told, []);
  wire.isFull = false;
  way.ready();
  assert.equal([told, sent.length], [['ready'], 1]);
  assert.is(link.write(data), data.length);
  assert.equal(sent[1], sent[0]);
});

for (const { name, stream, mtuBytes, datagrams: expected } of vectors<DatagramVectors>('datagrams')
  .cases) {
  test(`vector: ${name}`, () => {
    const { link, sent } = harness(mtuBytes);
    link.write(fromHex(stream));
    assert.equal(sent.map(toHex), expected);
  });
}

test.run();

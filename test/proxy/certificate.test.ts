// What a session takes on a connection whose certificate names the device ([W-42]).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeEnvelope } from '../../proxy/envelope.js';
import { checkFrame, encodeFrame, framesOf, toStream } from '../../proxy/frame.js';
import { block, dataBody, decodeAnswer, helloBody, site } from './talk.js';

function connected(certificateName?: string) {
  const proxy = site();
  const answers: ReturnType<typeof decodeAnswer>[] = [];
  let isClosed = false;
  const handler = proxy.sessions.accept({
    ...{ name: 'tls test', kind: 'connection', auth: 'certificate' },
    ...(certificateName === undefined ? {} : { certificateName }),
    send(bytes) {
      for (const frame of framesOf(bytes))
        answers.push(decodeAnswer(checkFrame(frame) as Uint8Array));
    },
    close() {
      isClosed = true;
      handler.closed();
    },
  });
  const say = (body: Uint8Array) => {
    handler.received(encodeFrame(body));
    return answers.splice(0);
  };
  const hello = (device: string) => say(helloBody([{ boot: 1, fingerprint: 7 }], { device }));
  return { ...proxy, handler, say, hello, isClosed: () => isClosed };
}

test('the device that its certificate names is greeted', () => {
  const { hello, count } = connected('press-07');
  assert.equal(
    hello('press-07').map(({ type }) => type),
    ['welcome'],
  );
  assert.is(count('not-its-certificate'), 0);
});

test('another is not: counted, and told to come back in a minute at the earliest', () => {
  for (const name of ['press-07', undefined, '']) {
    const { hello, sessions, count } = connected(name);
    assert.equal(hello('press-08'), [{ type: 'reset', reason: 4, retryMs: 60_000 }]);
    assert.is(count('not-its-certificate'), 1);
    assert.is(sessions.count, 0);
  }
});

test('a session goes on when another name is said on its connection', () => {
  const { hello, say, sessions, count } = connected('press-07');
  hello('press-07');
  assert.equal(hello('press-08'), [{ type: 'reset', reason: 4, retryMs: 60_000 }]);
  assert.equal([sessions.count, count('not-its-certificate')], [1, 1]);
  say(dataBody(1, 0, block(1_000)));
  assert.is(count('no-session'), 0);
});

test('no line speaks through it: an envelope is counted, and the connection is none of a gateway', () => {
  const { handler, count, clock, isClosed } = connected('press-07');
  const frame = encodeEnvelope({
    channel: 1,
    frame: framesOf(encodeFrame(helloBody([], { device: 'press-07' })))[0]!,
  });
  handler.received(toStream([frame]));
  assert.is(count('envelope-by-certificate'), 1);
  clock.advance(10_000);
  assert.ok(isClosed());
  assert.is(count('hello-timeout'), 1);
});

test.run();

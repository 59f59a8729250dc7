import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../proxy/clock.js';
import { encodeFrame } from '../../../proxy/frame.js';
import type { AddressLimits } from '../../../proxy/limits/addresses.js';
import type { Channel } from '../../../proxy/listeners/channel.js';
import { listenTcp } from '../../../proxy/listeners/tcp.js';
import { encodeReset } from '../../../proxy/message.js';
import { addressesOf } from '../limits/addresses-of.js';
import { toHex } from '../vectors.js';

function harness(connectionsMax = 2_000, limits: Partial<AddressLimits> = {}) {
  const clock = systemClock();
  const kinds: string[] = [];
  const channels: Channel[] = [];
  const received: string[] = [];
  let closed = 0;
  const waiting: { done: () => boolean; resolve: () => void }[] = [];
  const check = () => {
    for (const wait of waiting) if (wait.done()) wait.resolve();
  };
  const options = {
    ...{ host: '127.0.0.1', port: 0, auth: 'none' as const, clock },
    addresses: addressesOf(connectionsMax, clock, limits),
    outcomes: {
      count: (kind: string) => {
        kinds.push(kind);
        check();
      },
      counts: () => new Map<string, number>(),
    },
    accept: (channel: Channel) => {
      channels.push(channel);
      check();
      return {
        received: (bytes: Uint8Array) => {
          received.push(Buffer.from(bytes).toString());
          check();
        },
        closed: () => {
          closed += 1;
          check();
        },
      };
    },
  };
  const until = (done: () => boolean) =>
    new Promise<void>((resolve) => {
      if (done()) resolve();
      else waiting.push({ done, resolve });
    });
  return { options, kinds, channels, received, closed: () => closed, until };
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('bytes go both ways; the end of a connection is told once', async () => {
  const site = harness();
  const listener = await listenTcp(site.options);
  const socket = await dial(listener.port);
  socket.write('hello');
  await site.until(() => site.received.join('') === 'hello');
  site.channels[0]?.send(Buffer.from('welcome'));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.is(answer.toString(), 'welcome');
  assert.match(site.channels[0]?.name ?? '', /^tcp 127\.0\.0\.1:\d+$/);
  socket.end();
  await site.until(() => site.closed() === 1);
  site.channels[0]?.send(Buffer.from('too late'));
  site.channels[0]?.close();
  await listener.close();
  assert.is(site.closed(), 1);
});

test('a thousand at once; one too many is told to come later, refused, and counted', async () => {
  const site = harness(1_000);
  const listener = await listenTcp(site.options);
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => dial(listener.port)));
  await site.until(() => site.channels.length === 1_000);
  assert.is(listener.channels, 1_000);
  const extra = await dial(listener.port);
  const [said] = (await once(extra, 'data')) as [Buffer];
  assert.is(toHex(said), toHex(Uint8Array.of(0, ...encodeFrame(encodeReset(5, 2_000)))));
  await once(extra, 'close');
  assert.equal(site.kinds, ['connections-max']);
  for (const socket of sockets) socket.destroy();
  await site.until(() => site.closed() === 1_000);
  await listener.close();
});

test('an address that sends more than it may is read more slowly, and loses nothing', async () => {
  const site = harness(10, { addressBytesPerSecond: 100_000, burstSeconds: 1 });
  const listener = await listenTcp(site.options);
  const socket = await dial(listener.port);
  const sent = 'x'.repeat(150_000);
  socket.end(sent);
  await site.until(() => site.closed() === 1);
  assert.is(site.received.join('').length, sent.length);
  assert.ok(site.kinds.includes('address-slowed'));
  await listener.close();
});

test('a peer that does not read is closed, not buffered for', async () => {
  const site = harness();
  const listener = await listenTcp(site.options);
  const socket = await dial(listener.port);
  socket.pause();
  await site.until(() => site.channels.length === 1);
  const chunk = Buffer.alloc(16_384);
  while (!site.kinds.includes('slow-reader')) {
    site.channels[0]?.send(chunk);
    await new Promise(setImmediate);
  }
  await site.until(() => site.closed() === 1);
  socket.destroy();
  await listener.close();
});

test('a port in use is an error of the start', async () => {
  const site = harness();
  const listener = await listenTcp(site.options);
  try {
    await listenTcp({ ...site.options, port: listener.port });
    assert.unreachable();
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
  }
  await listener.close();
});

test.run();

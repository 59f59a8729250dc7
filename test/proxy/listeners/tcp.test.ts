import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Channel } from '../../../proxy/listeners/channel.js';
import { listenTcp } from '../../../proxy/listeners/tcp.js';

function harness(connectionsMax = 2_000) {
  const kinds: string[] = [];
  const channels: Channel[] = [];
  const received: string[] = [];
  let closed = 0;
  const waiting: { done: () => boolean; resolve: () => void }[] = [];
  const check = () => {
    for (const wait of waiting) if (wait.done()) wait.resolve();
  };
  const options = {
    ...{ host: '127.0.0.1', port: 0, connectionsMax, auth: 'none' as const },
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

test('a thousand at once; one too many is refused and counted', async () => {
  const site = harness(1_000);
  const listener = await listenTcp(site.options);
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => dial(listener.port)));
  await site.until(() => site.channels.length === 1_000);
  assert.is(listener.channels, 1_000);
  const extra = await dial(listener.port);
  await once(extra, 'close');
  assert.equal(site.kinds, ['connections-max']);
  for (const socket of sockets) socket.destroy();
  await site.until(() => site.closed() === 1_000);
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

import net, { type AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Link } from '../../../sdk/links/link.js';
import { nodeStream } from '../../../sdk/links/node-stream.js';
import { sdkFactory } from '../../../targets/instance.js';
import { peerServer } from '../peer-server.js';

// The link over Node's streams: real sockets, and a Duplex whose every turn is the test's.

interface Told {
  told: string[];
  /** Waits until something was told so often. */
  until(what: string, times?: number): Promise<void>;
}

/** Opens a link and keeps what it tells. */
function open(link: Link): Told {
  const told: string[] = [];
  let wake = () => {};
  const tell = (what: string) => {
    told.push(what);
    wake();
  };
  link.open({
    up: () => tell('up'),
    down: () => tell('down'),
    ready: () => tell('ready'),
    data: (bytes) => tell(`data ${Buffer.from(bytes)}`),
  });
  return {
    told,
    async until(what, times = 1) {
      while (told.filter((one) => one === what).length < times) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const closed = (server: net.Server) => new Promise((resolve) => server.close(resolve));

test('a socket: up when it is connected, data both ways, down when the other end closes', async () => {
  const server = net.createServer((socket) => {
    socket.once('data', (bytes) => socket.end(`echo ${bytes}`));
  });
  const port = await listening(server);
  const link = nodeStream(() => net.connect(port, '127.0.0.1'));
  const { told, until } = open(link);
  assert.equal(told, []);
  await until('up');
  assert.is(link.write(Buffer.from('abc')), 3);
  await until('down');
  assert.equal(told, ['up', 'data echo abc', 'down']);
  assert.is(link.write(Buffer.from('abc')), 0, 'a link that is down takes nothing');
  await closed(server);
  assert.equal(told, ['up', 'data echo abc', 'down']);
});

test('nobody listens: down, once', async () => {
  const server = net.createServer();
  const port = await listening(server);
  await closed(server);
  const link = nodeStream(() => net.connect(port, '127.0.0.1'));
  const { told, until } = open(link);
  await until('down');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, ['down']);
});

test('a factory that throws is a down', async () => {
  const link = nodeStream(() => {
    throw new Error('no such port');
  });
  const { told, until } = open(link);
  assert.equal(told, [], 'not from inside open');
  await until('down');
  assert.equal(told, ['down']);
  assert.is(link.write(Buffer.of(1)), 0);
  link.close();
});

/** A Duplex that takes 8 bytes and drains when it is told to. */
function slow() {
  const written: string[] = [];
  let drain = () => {};
  const stream = new Duplex({
    writableHighWaterMark: 8,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString());
      drain = done;
    },
  });
  return { stream, written, drain: () => drain() };
}

test('a stream that is full takes nothing until it has drained', async () => {
  const { stream, written, drain } = slow();
  const link = nodeStream(() => stream);
  const { told, until } = open(link);
  assert.equal(told, [], 'not from inside open');
  await until('up');
  const bytes = Buffer.from('0123');
  assert.is(link.write(bytes), 4);
  assert.is(link.write(bytes), 4);
  // The array is written anew by the device: what waits in the stream is a copy.
  bytes.fill('x');
  assert.is(link.write(bytes), 0);
  drain();
  drain();
  await until('ready');
  assert.is(link.write(Buffer.from('ab')), 2);
  assert.equal(written, ['0123', '0123', 'ab']);
  link.close();
});

test('the other end ends a stream that would stay half open: down', async () => {
  const { stream } = slow();
  const { told, until } = open(nodeStream(() => stream));
  await until('up');
  stream.push('x');
  stream.push(null);
  await until('down');
  assert.equal(told, ['up', 'data x', 'down']);
  assert.ok(stream.destroyed);
});

test('after close, and of a former stream, nothing is told', async () => {
  const first = slow();
  const second = slow();
  const streams = [first.stream, second.stream];
  const link = nodeStream(() => streams.shift()!);
  const before = open(link);
  await before.until('up');
  const after = open(link);
  await after.until('up');
  assert.ok(first.stream.destroyed, 'a new opening ends the old stream');
  first.stream.emit('data', Buffer.from('late'));
  first.stream.emit('drain');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(before.told, ['up']);
  link.close();
  assert.ok(second.stream.destroyed);
  second.stream.emit('data', Buffer.from('late'));
  second.stream.emit('error', new Error('late'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(after.told, ['up']);
});

test('a device over real sockets: everything arrives, once, across cuts', async () => {
  const peer = await peerServer();
  const sdk = (await sdkFactory())({
    clock: () => Math.floor(performance.now()),
    after: (task, delayMs) => setTimeout(task, delayMs),
    cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
    random: Math.random,
  });
  const climate = sdk.stream('climate', { t: sdk.fixed(1) });
  const link = nodeStream(() => net.connect(peer.port, '127.0.0.1'));
  const options = { device: 'mote-1', link, lingerMs: 1, retryBackoffMs: 10, bufferBytes: 16_384 };
  const hw = sdk.producer(options);
  const flushed = () => new Promise<boolean>((resolve) => sdk.flush(resolve));
  for (let round = 0; round < 5; round++) {
    for (let index = 0; index < 100; index++) hw.send(climate, { t: round + index / 10 });
    if (round % 2) peer.cut();
    assert.ok(await flushed());
  }
  assert.is(peer.expected, 500);
  assert.is(sdk.stats().dropped, 0);
  assert.ok(peer.hellos.length >= 3);
  let next = 0;
  for (const { first, count } of peer.blocks) {
    assert.is(first, next);
    next = first + count;
  }
  assert.is(next, 500);
  link.close();
  await peer.close();
});

test.run();

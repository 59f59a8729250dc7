import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cobsDecode, encodeFrame } from '../../../proxy/frame.js';
import type { Channel } from '../../../proxy/listeners/channel.js';
import { listenUdp } from '../../../proxy/listeners/udp.js';
import { buildFirmware } from '../../../targets/build.js';
import { projectFolder } from '../../kafka/jars.js';
import { Random } from '../../random.js';
import { startProxy } from '../../site/proxy-process.js';
import { makeSite } from '../../site/site.js';
import { until } from '../../site/until.js';
import { addressesOf } from '../limits/addresses-of.js';
import { TestClock } from '../talk.js';

// UDP by real sockets: what an address may cause and what it gets, and a device over a path that loses, doubles and reorders, into the
// journal of the built proxy.

const test = suite('listeners/udp');

async function harness(addressesMax = 10) {
  const kinds: string[] = [];
  const channels: Channel[] = [];
  const received: string[] = [];
  let closed = 0;
  const clock = new TestClock();
  const listener = await listenUdp({
    ...{ host: '127.0.0.1', port: 0, idleMs: 1_000, clock, auth: 'none' as const },
    addresses: addressesOf(addressesMax, clock),
    outcomes: { count: (kind) => void kinds.push(kind), counts: () => new Map() },
    accept: (channel) => {
      channels.push(channel);
      return {
        received: (bytes) => void received.push(Buffer.from(bytes).toString('hex')),
        closed: () => void closed++,
      };
    },
  });
  return { listener, kinds, channels, received, closed: () => closed, clock };
}

async function dial(port: number) {
  const socket = createSocket('udp4');
  const came: Buffer[] = [];
  socket.on('message', (bytes) => came.push(bytes));
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return { socket, came };
}

/** A frame, sound, behind its length. */
const body = Uint8Array.of(1, 0, 2, 3);
const encoded = Buffer.from(encodeFrame(body));
const frame = cobsDecode(encoded.subarray(0, encoded.length - 1))!;
const datagram = Buffer.concat([Uint8Array.of(0, frame.length), frame]);

test('frames come as from a byte stream, answers go as datagrams; a silent address is forgotten', async () => {
  const site = await harness();
  const { socket, came } = await dial(site.listener.port);
  socket.send(Buffer.concat([datagram, datagram, Buffer.alloc(3)]));
  await until(() => site.received.length === 1);
  assert.is(site.received[0], `${encoded.toString('hex')}${encoded.toString('hex')}`);
  site.channels[0]?.send(Buffer.concat([Buffer.of(0), encoded]));
  await until(() => came.length === 1);
  assert.is(came[0]?.toString('hex'), datagram.toString('hex'));
  assert.is(site.listener.channels, 1);
  site.clock.advance(2_000);
  assert.is(site.listener.channels, 0);
  assert.is(site.closed(), 1);
  site.channels[0]?.send(encoded);
  socket.close();
  await site.listener.close();
  assert.is(came.length, 1);
});

test('an address never gets more bytes than it sent', async () => {
  const site = await harness();
  const { socket, came } = await dial(site.listener.port);
  socket.send(datagram);
  await until(() => site.channels.length === 1);
  const large = encodeFrame(new Uint8Array(100).fill(7));
  site.channels[0]?.send(large);
  assert.equal(site.kinds, ['more-than-sent']);
  site.channels[0]?.send(encoded);
  site.channels[0]?.send(encoded);
  assert.equal(site.kinds, ['more-than-sent', 'more-than-sent'], 'the second is more than it sent');
  await until(() => came.length === 1);
  socket.send(Buffer.concat([datagram, Buffer.alloc(200)]));
  await until(() => site.received.length === 2);
  site.channels[0]?.send(large);
  await until(() => came.length === 2);
  socket.close();
  await site.listener.close();
});

test('what is no frame opens no channel, and one address too many is counted', async () => {
  const site = await harness(1);
  const one = await dial(site.listener.port);
  const other = await dial(site.listener.port);
  for (const noise of ['ff', '0004aaaaaaaa', 'ffff01', '']) {
    one.socket.send(Buffer.from(noise, 'hex'));
  }
  await until(() => site.kinds.length === 4);
  assert.equal(site.channels, []);
  one.socket.send(datagram);
  await until(() => site.channels.length === 1);
  other.socket.send(datagram);
  await until(() => site.kinds.includes('addresses-max'));
  assert.is(site.listener.channels, 1);
  one.socket.close();
  other.socket.close();
  await site.listener.close();
});

/** A path between a device and a port, from a seed: datagrams are lost, come twice, or after the next one. */
async function faultyPath(port: number, random: Random) {
  const front = createSocket('udp4');
  let back = createSocket('udp4');
  let device = 0;
  const counts = { lost: 0, twice: 0, late: 0, moved: 0 };
  let held: (() => void) | null = null;
  const carry = (send: () => void) => {
    if (random.chance(1 / 8)) counts.lost++;
    else if (random.chance(1 / 7)) {
      counts.twice++;
      send();
      send();
    } else if (held === null && random.chance(1 / 6)) {
      counts.late++;
      held = send;
    } else {
      send();
      held?.();
      held = null;
    }
  };
  const answer = (bytes: Buffer) => carry(() => front.send(bytes, device, '127.0.0.1'));
  back.on('message', answer);
  front.on('message', (bytes, from) => {
    device = from.port;
    path.bytesMax = Math.max(path.bytesMax, bytes.length);
    carry(() => back.send(bytes, port, '127.0.0.1'));
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  const path = {
    port: front.address().port,
    counts,
    /** Of the largest datagram of the device. */
    bytesMax: 0,
    /** The device comes from another address from now on, as behind a NAT that forgot it. */
    move() {
      counts.moved++;
      back.removeListener('message', answer);
      back.close();
      back = createSocket('udp4');
      back.on('message', answer);
    },
    close() {
      front.close();
      back.close();
    },
  };
  return path;
}

/** A firmware with its links, built for Node: its parts share one SDK, as on a board. */
const firmware = `
  import { fixed, producer, stream } from 'headwater';
  import { stats } from 'headwater/stats';
  import { datagrams } from 'headwater/links/datagrams';
  import { nodeUdp } from 'headwater/links/node-udp';
  const climate = stream('climate', { t: fixed(1) });
  export function start(port, mtuBytes) {
    const link = datagrams(nodeUdp('127.0.0.1', port), mtuBytes);
    const hw = producer({
      device: 'mote-1', link, bufferBytes: 65536, lingerMs: 1, ackTimeoutMs: 50, retryBackoffMs: 10,
    });
    return { send: (t) => hw.send(climate, { t }), stats, close: () => link.close() };
  }
`;

interface Device {
  send(t: number): unknown;
  stats(): { buffered: number; dropped: number };
  close(): void;
}

for (const mtuBytes of [0, 72]) {
  const parts = mtuBytes === 0 ? 'whole frames' : `fragments of ${mtuBytes} bytes`;
  test(`a device over a bad path into the journal, ${parts}: each event once`, async () => {
    const overrides = {
      listen: {
        tcp: { host: '127.0.0.1', port: 0, auth: 'none' },
        udp: { host: '127.0.0.1', port: 0, auth: 'none' },
      },
    };
    const site = await makeSite({ bootstrap: null, label: 'udp', overrides });
    const entry = { source: firmware, folder: projectFolder };
    const { code } = await buildFirmware({ entry, target: 'node', minify: false });
    const file = join(site.folder, 'firmware.mjs');
    await writeFile(file, code);
    const { start } = (await import(pathToFileURL(file).href)) as {
      start(port: number, mtuBytes: number): Device;
    };
    const proxy = await startProxy(site.config);
    const path = await faultyPath(proxy.udpPort, new Random(7));
    const device = start(path.port, mtuBytes);
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      for (let event = 0; event < 100; event++) device.send(event);
      if (round === 7 || round === 14) path.move();
      await until(() => device.stats().buffered === 0, { lookMs: 5 });
    }
    assert.ok(path.counts.lost > 0 && path.counts.twice > 0 && path.counts.late > 0);
    assert.is(await proxy.metric('headwater_events_received_total'), rounds * 100);
    assert.is(device.stats().dropped, 0);
    assert.is(path.bytesMax <= (mtuBytes || 256), true, `${path.bytesMax}`);
    device.close();
    path.close();
    assert.is(await proxy.stop(), 0);
    await site.remove();
  });
}

test.run();

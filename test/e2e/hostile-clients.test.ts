// What a thousand clients at once may do to the running proxy that speak no word of its protocol, or half a
// word: each is a counted outcome, the log stays short, memory bounded, and a device beside them
// does not notice.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame } from '../../proxy/frame.js';
import { dataBody, helloBody } from '../proxy/talk.js';
import { books } from '../site/judge.js';
import { type ProxyProcess, startProxy } from '../site/proxy-process.js';
import { type Sensor, startSensor } from '../site/sensor.js';
import { makeSite, type Site } from '../site/site.js';
import { until } from '../site/until.js';

const test = suite('hostile clients');
const clients = 1_000;
/** Of a proxy that has a thousand connections more. */
const growthBytesMax = 150e6;
const quietMs = 10_000;
let site: Site;
let proxy: ProxyProcess;
let sensor: Sensor;
let calmBytes = 0;

test.before(async () => {
  site = await makeSite({ bootstrap: null, label: 'hostile' });
  proxy = await startProxy(site.config, ['--set', 'limits.helloTimeoutMs=1500']);
  sensor = await startSensor({ port: proxy.tcpPort });
  await until(() => sensor.acknowledged() > 10);
  calmBytes = await residentBytes();
});

test.after(async () => {
  sensor.stop();
  await proxy.kill();
  await site.remove();
});

const residentBytes = async () => (await proxy.metric('process_resident_memory_bytes')) ?? 0;
const counted = async (kind: string) =>
  (await proxy.metric('headwater_outcomes_total', `kind="${kind}"`)) ?? 0;

async function dial(bytes: Uint8Array): Promise<Socket> {
  const socket = connect(proxy.tcpPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  if (bytes.length > 0) socket.write(bytes);
  return socket;
}

const hello = helloBody([{}], { device: 'nobody' });
const cases: [what: string, outcome: string, bytes: Uint8Array][] = [
  ['send garbage', 'frame-cobs', Buffer.from('not a frame at all\0')],
  ['send a broken frame', 'frame-check', Buffer.from(encodeFrame(hello)).fill(7, 5, 6)],
  ['speak HTTP', 'hello-timeout', Buffer.from('GET / HTTP/1.1\r\nHost: edge\r\n\r\n')],
  ['send a frame without an end', 'frame-oversize', Buffer.alloc(5_000, 1)],
  ['send half a HELLO with a good check', 'malformed-hello', encodeFrame(hello.subarray(0, 9))],
  ['speak another version', 'unknown-version', encodeFrame(helloBody([{}], { version: 0 }))],
  ['send DATA and no HELLO', 'no-session', encodeFrame(dataBody(1, 0, Uint8Array.of(0)))],
  ['say nothing', 'hello-timeout', new Uint8Array()],
];

for (const [what, outcome, bytes] of cases) {
  test(`a thousand clients at once ${what}: ${outcome}`, async () => {
    const beforeMs = performance.now();
    const linesBefore = linesOf(outcome);
    const before = await counted(outcome);
    const acknowledged = sensor.acknowledged();
    const sockets = await Promise.all(Array.from({ length: clients }, () => dial(bytes)));
    await until(async () => (await counted(outcome)) >= before + clients);
    assert.is(await counted(outcome), before + clients);
    const grown = (await residentBytes()) - calmBytes;
    assert.ok(grown < growthBytesMax, `${grown} bytes more`);
    await until(() => sensor.acknowledged() > acknowledged + 10);
    for (const socket of sockets) socket.destroy();
    // The device's own remains.
    await until(async () => (await proxy.metric('headwater_connections')) === 1);
    const lines = linesOf(outcome) - linesBefore;
    assert.ok(lines <= 1 + Math.floor((performance.now() - beforeMs) / quietMs), `${lines} lines`);
  });
}

function linesOf(outcome: string): number {
  return proxy.log.filter((line) => line.outcome === outcome).length;
}

test('the device beside them sent everything once, on one connection', async () => {
  assert.ok(await sensor.finish());
  assert.is(await proxy.metric('headwater_events_resent_total'), 0);
  assert.is(await proxy.metric('headwater_events_lost_total'), null);
  assert.is(await proxy.stop(), 0);
  const { received, balanced } = books(proxy);
  assert.equal([received, balanced], [sensor.sent.size, true]);
});

test.run();

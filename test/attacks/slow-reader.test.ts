// A slow reader, a half-open connection, a byte a second: each costs the proxy a bounded buffer and a bounded time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import { cobs, greet, hello, withCrc } from './attacker.js';
import { Attacked } from './scene.js';

for (const door of ['tcp', 'tls'] as const) {
  const test = suite(`a slow reader, by ${door}`);
  const slow = ['slow-1', 'slow-2', 'slow-3'];
  const growthMbMax = 150;
  let site: Attacked;
  let honest: Sensor;
  let calmMb = 0;

  test.before(async () => {
    site = await Attacked.start(`slow-reader-${door}`, {
      door,
      devices: slow,
      limits: { helloTimeoutMs: 1_500 },
    });
    honest = await site.honest();
    calmMb = await site.residentMb();
  });
  test.after(() => site.end());

  const alone = () => until(async () => (await site.proxy.metric('headwater_connections')) === 1);

  test('known devices that never read their answers: closed, once those are more than a buffer', async () => {
    const one = cobs(withCrc(hello({ device: 'honest' })));
    const many = Buffer.concat(Array.from({ length: 2_000 }, () => one));
    await Promise.all(
      slow.map(async (device) => {
        const reader = await site.dial();
        assert.ok(await greet(reader, site.key(device), { device }));
        reader.stream.pause();
        while (!reader.closed && (await site.counted('slow-reader')) < slow.length) {
          if (!reader.stream.writableNeedDrain) reader.stream.write(many);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        reader.end();
      }),
    );
    assert.is(await site.counted('slow-reader'), slow.length);
    assert.ok((await site.residentMb()) - calmMb < growthMbMax);
    await passes(honest, 10);
    await alone();
  });

  test('half-open: closed with its half', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 50 }, () => site.door.attack('127.0.0.1')),
    );
    for (const socket of sockets)
      socket.on('error', () => {}).end(cobs(withCrc(hello({ device: 'half' }))));
    await alone();
    await passes(honest, 10);
  });

  test('a byte at a time, and empty frames to look alive: closed as one that says nothing', async () => {
    const before = await site.counted('hello-timeout');
    const bytes = cobs(withCrc(hello({ device: 'slow'.repeat(16) })));
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => site.door.attack('127.0.0.1')),
    );
    for (const socket of sockets) socket.on('error', () => {});
    let at = 0;
    const drip = setInterval(() => {
      at += 1;
      for (const [index, socket] of sockets.entries()) {
        if (socket.destroyed) continue;
        socket.write(index % 2 === 0 ? bytes.subarray(at % 60, (at % 60) + 1) : Buffer.of(0));
      }
    }, 100);
    await until(async () => (await site.counted('hello-timeout')) >= before + sockets.length);
    clearInterval(drip);
    await alone();
    await passes(honest, 10);
  });

  test('asks for a challenge again and again without a PROOF: closed as well', async () => {
    const before = await site.counted('hello-timeout');
    const socket = await site.door.attack('127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    const ask = setInterval(() => {
      if (!socket.destroyed) socket.write(cobs(withCrc(hello({ device: 'honest' }))));
    }, 100);
    await until(async () => (await site.counted('hello-timeout')) > before);
    clearInterval(ask);
    await alone();
  });

  test('the device beside is whole, and nothing else is in the journal', async () => {
    await site.onlyHonest(honest);
  });

  test.run();
}

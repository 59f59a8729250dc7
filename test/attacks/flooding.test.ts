// Flooding: connections that say nothing, garbage and HELLOs at full speed, DATA beyond credit and beyond a rate. The proxy's memory stays bounded, others get in
// from another address, and the device beside goes on ([W-33], `limits` of the configuration).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  cobs,
  emptyTable,
  envelope,
  forged,
  greet,
  hello,
  itemsOf,
  RESET,
  WELCOME,
  withCrc,
} from './attacker.js';
import { Attacked, gates } from './scene.js';

/** More than calm; what the engine's heap grows by before it is swept is most of it. */
const growthMbMax = 150;

for (const [name, gate] of gates) {
  const test = suite(`flooding, ${name}`);
  let site: Attacked;
  let honest: Sensor;
  let calmMb = 0;
  /** Below it the device that floods had credit. */
  let floodLimit = 0;

  test.before(async () => {
    const limits = { unprovenMax: 40, addressShare: 0.5, eventsPerSecond: 200, burstSeconds: 1 };
    site = await Attacked.start('flooding', { ...gate, devices: ['flood', 'late'], limits });
    honest = await site.honest();
    calmMb = await site.residentMb();
  });
  test.after(() => site.end());

  async function isUnmoved(): Promise<void> {
    await passes(honest, 20);
    const grown = (await site.residentMb()) - calmMb;
    assert.ok(grown < growthMbMax, `${grown} MB more`);
  }

  test('connections that say nothing: an address has its share, and another device gets in from another one', async () => {
    const flood = await Promise.all(Array.from({ length: 60 }, () => site.dial()));
    await until(async () => (await site.counted('unproven-max')) >= 40);
    const refused = await site.counted('unproven-max');
    // What is closed may be heard of later than it is counted.
    await until(() => flood.filter(({ closed }) => closed).length >= refused);
    assert.is(flood.filter(({ closed }) => closed).length, refused);
    // Before a TLS handshake no reason can be said.
    const told = flood.filter((one) => one.types().includes(RESET)).length;
    assert.is(told, gate.door === 'tls' ? 0 : refused);
    const late = await site.sense('late', { from: '127.0.0.2' });
    await passes(late, 20);
    await isUnmoved();
    for (const one of flood) one.end();
    await until(async () => (await site.proxy.metric('headwater_connections')) === 2);
    late.stop();
  });

  test('strangers that say they are gateways, with a line in each envelope: they count as others do, and end when the place is needed', async () => {
    const before = await site.counted('unproven-max');
    const most = hello({
      device: 'x'.repeat(64),
      boots: Array.from({ length: 16 }, (_, at) => [at + 1, 0, 1, 0]),
    });
    const flood = await Promise.all(Array.from({ length: 60 }, () => site.dial()));
    // Else lines of the first ones take the places of the last.
    await until(async () => (await site.counted('unproven-max')) - before >= 40);
    for (const one of flood) {
      one.stream.write(cobs(envelope(0, Buffer.alloc(0))));
      for (let line = 0; line < 256; line++) one.stream.write(cobs(envelope(line, withCrc(most))));
    }
    await until(async () => (await site.counted('unproven-max')) - before >= 40 + 20 * 256);
    const late = await site.sense('late', { from: '127.0.0.2' });
    await passes(late, 20);
    assert.ok(flood.filter(({ closed }) => !closed).length <= 20);
    await isUnmoved();
    for (const one of flood) one.end();
    late.stop();
  });

  test('garbage at full speed from as many connections as an address has', async () => {
    const noise = Buffer.from(Array.from({ length: 65_536 }, (_, at) => (at * 7919) % 251));
    const sockets = await Promise.all(Array.from({ length: 20 }, () => site.connect()));
    await Promise.all(
      sockets.map(async (socket) => {
        for (let sent = 0; sent < 4_000_000 && !socket.destroyed; sent += noise.length) {
          await new Promise<void>((resolve) => {
            socket.write(noise, () => resolve());
          });
        }
        socket.destroy();
      }),
    );
    await isUnmoved();
  });

  test('frames without an end, and CBOR that declares more than there is', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => site.connect()));
    for (const socket of sockets) {
      socket.write(Buffer.alloc(2_000_000, 1));
      socket.write(cobs(withCrc(Buffer.from('019affffffffffffffff', 'hex'))));
      socket.write(cobs(withCrc(Buffer.from('01017bffffffffffffffff', 'hex'))));
    }
    await isUnmoved();
    for (const socket of sockets) socket.destroy();
  });

  test('fifty thousand HELLOs of as many names: each is challenged, none is remembered', async () => {
    const flood = await site.dial('127.0.0.3');
    for (let at = 0; at < 50_000 && !flood.closed; at++) {
      flood.say(hello({ device: `name-${at}`, nonce: at }));
      if (at % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await isUnmoved();
    assert.is(await site.proxy.metric('headwater_devices_connected'), 1);
    assert.not.ok(flood.types().includes(WELCOME));
    flood.end();
  });

  test('a known device floods: beyond its credit nothing is taken, and its rate is kept by credit', async () => {
    const flood = await site.dial('127.0.0.3');
    const writer = await greet(flood, site.key('flood'), { device: 'flood', tables: [emptyTable] });
    for (let seq = 0; seq < 20_000 && !flood.closed; seq++) {
      writer!.write(forged(writer!.boot, seq));
      if (seq % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await isUnmoved();
    const limits = flood.heard
      .filter(([type]) => type === WELCOME || type === ACK)
      .map((frame) => Number(itemsOf(frame.subarray(0, -12))[3]));
    floodLimit = Math.max(...limits);
    flood.end();
  });

  test('the device beside is whole, and of the one that flooded there is what it had credit for', async () => {
    assert.ok(await honest.finish());
    const taken = await site.taken();
    const of = (name: string) => taken.filter(({ device }) => device === name).length;
    assert.is(of('honest'), honest.sent.size);
    assert.ok(of('flood') > 0 && of('flood') <= floodLimit, `${of('flood')} of ${floodLimit}`);
    assert.ok(floodLimit < 20_000);
  });

  test.run();
}

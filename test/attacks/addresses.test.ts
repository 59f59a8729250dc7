// Floods from several addresses at once: what one address takes it takes of its own share, not of another's; who is proven is served meanwhile, and a
// device of an address that does not flood gets in (`limits`).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  type Attacker,
  CHALLENGE,
  cobs,
  emptyTable,
  envelope,
  greet,
  hello,
  withCrc,
} from './attacker.js';
import { Attacked } from './scene.js';

const limits = { unprovenMax: 40, connectionsMax: 80, addressShare: 0.25, helloTimeoutMs: 3_000 };
/** Of the address' connections, those on which nobody is known. */
const share = limits.unprovenMax * limits.addressShare;
const [left, right, third] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;

for (const door of ['tcp', 'tls'] as const) {
  const test = suite(`two addresses, by ${door}`);
  let site: Attacked;
  let honest: Sensor;

  test.before(async () => {
    site = await Attacked.start(`addresses-${door}`, { door, devices: ['late', 'other'], limits });
    honest = await site.honest();
  });
  test.after(() => site.end());

  const openOf = (all: Attacker[]) => all.filter(({ closed }) => !closed).length;
  /** What the proxy has closed may be heard of later than its count of it. */
  const closedDown = (floods: Attacker[][]) =>
    until(() => floods.every((all) => openOf(all) <= share));
  const dialed = async (from: string, count: number) => {
    const all: Attacker[] = [];
    for (let at = 0; at < count; at++) all.push(await site.dial(from));
    return all;
  };
  /** A device's session, from an address that does not flood. */
  const getsIn = async (device: string, from: string) => {
    const attacker = await site.dial(from);
    const writer = await greet(attacker, site.key(device), { device, tables: [emptyTable] });
    assert.ok(writer, `${device} from ${from}`);
    attacker.end();
  };
  const alone = () => until(async () => (await site.proxy.metric('headwater_connections')) === 1);

  test('silent connections from two: each has its share and no more, a third one its own, and the device goes on', async () => {
    const refusedBefore = await site.counted('unproven-max');
    const floods = await Promise.all([dialed(left, 30), dialed(right, 30)]);
    await until(async () => (await site.counted('unproven-max')) === refusedBefore + 40);
    await closedDown(floods);
    assert.equal(floods.map(openOf), [share, share]);
    await getsIn('late', third);
    await passes(honest, 20);
    for (const one of floods.flat()) one.end();
    await alone();
  });

  test('one floods with all it has, again and again: the seats of another are not touched', async () => {
    const calm = await dialed(right, share - 1);
    for (const one of calm) one.say(hello({ device: 'late' }));
    for (let round = 0; round < 3; round++) {
      const flood = await dialed(left, 40);
      for (const one of flood) one.say(hello({ device: 'honest' }));
      await getsIn('late', right);
      for (const one of flood) one.end();
    }
    for (const one of calm) assert.is((await one.next())?.[0], CHALLENGE);
    await passes(honest, 20);
    for (const one of calm) one.end();
    await alone();
  });

  test('an envelope proves nothing: who says one and no more is a stranger still, and counts as one', async () => {
    const floods = await Promise.all(
      [left, right].map(async (from) => {
        const all: Attacker[] = [];
        for (let at = 0; at < 30; at++) {
          const one = await site.dial(from);
          one.sayFrame(envelope(1, withCrc(hello({ device: 'honest' }))));
          one.sayFrame(envelope(2, Buffer.alloc(0)));
          all.push(one);
        }
        return all;
      }),
    );
    await passes(honest, 20);
    // Its line takes a place as well.
    await closedDown(floods);
    assert.ok(floods.map(openOf).every((open) => open > 0));
    await getsIn('late', third);
    for (const one of floods.flat()) one.end();
    await alone();
  });

  test('the device beside is whole', async () => {
    assert.ok(await honest.finish());
    const taken = await site.journal();
    assert.is(taken.filter(({ device }) => device === 'honest').length, honest.sent.size);
    assert.equal([...new Set(taken.map(({ stream }) => stream))].sort(), ['climate']);
  });

  test.run();
}

const bytes = suite('bytes of two addresses');

bytes(
  'garbage at full speed by two: each is slowed by its own rate, the device beside is not',
  async () => {
    const site = await Attacked.start('address-bytes', {
      limits: { addressBytesPerSecond: '64 KiB', burstSeconds: 1 },
    });
    try {
      const honest = await site.honest();
      const noise = cobs(withCrc(hello({ device: 'x'.repeat(64), tables: [] })));
      const sockets = await Promise.all([left, right].map((from) => site.connect(from)));
      const flood = setInterval(() => {
        for (const socket of sockets) {
          if (!socket.writableNeedDrain) socket.write(Buffer.concat(Array(2_000).fill(noise)));
        }
      }, 5);
      const slowed = () => site.counted('address-slowed');
      await until(async () => (await slowed()) > 2);
      await passes(honest, 50);
      clearInterval(flood);
      for (const socket of sockets) socket.destroy();
      await site.onlyHonest(honest);
      assert.is(await site.counted('replaced'), 0);
    } finally {
      await site.end();
    }
  },
);

bytes.run();

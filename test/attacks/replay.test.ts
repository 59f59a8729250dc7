// Replay: what was heard of a device is said again, whole or in part, at once or later. Each frame is taken once ([W-40], [W-41]).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  CHALLENGE,
  DATA,
  data,
  emptyTable,
  greet,
  hello,
  items,
  PROOF,
  WELCOME,
  withMac,
} from './attacker.js';
import { openRogue, type Rogue } from './rogue.js';
import { Attacked, gates } from './scene.js';

for (const [name, gate] of gates) {
  const test = suite(`replay, ${name}`);
  let site: Attacked;
  let honest: Sensor;
  let tapped: Sensor;
  let tap: Rogue;

  test.before(async () => {
    site = await Attacked.start('replay', { ...gate, devices: ['tapped', 'mine', 'again'] });
    honest = await site.honest();
    tap = site.scene.add(await openRogue(() => site.connect()), (tap) => tap.close());
    tapped = await site.sense('tapped', { port: tap.port });
    await passes(tapped, 30);
  });
  test.after(() => site.end());

  const toProxy = () => tap.seen.filter(({ way }) => way === 'to-proxy').map(({ frame }) => frame);

  test('a whole recorded session on a new connection: a challenge, and nothing of it is taken', async () => {
    const recorded = toProxy();
    assert.ok(recorded.some(([type]) => type === DATA));
    for (const from of ['127.0.0.1', '127.0.0.2']) {
      const thief = await site.dial(from);
      for (const frame of recorded) thief.sayFrame(frame);
      assert.ok(await thief.next(CHALLENGE));
      assert.not.ok(thief.types().includes(WELCOME));
      assert.not.ok(thief.types().includes(ACK));
    }
    await until(async () => (await site.counted('proof-wrong')) >= 2);
    assert.is(await site.counted('replaced'), 0);
    await passes(tapped, 10);
  });

  test('a recorded DATA frame within the session, once and a hundred times: counted, and taken once', async () => {
    const before = await site.counted('frame-replayed');
    const frame = toProxy().findLast(([type]) => type === DATA)!;
    for (let index = 0; index < 100; index++) tap.inject('to-proxy', frame);
    await until(async () => (await site.counted('frame-replayed')) === before + 100);
    await passes(tapped, 10);
  });

  test('the frames of one session in the next one of the same device: not its MAC', async () => {
    const recorded = toProxy().filter(([type]) => type === DATA);
    const before = await site.counted('frame-mac');
    const first = (await greet(await site.dial(), site.key('mine'), { device: 'mine' }))!;
    const old = first.write(data(first.boot, 0, []));
    const second = (await greet(await site.dial(), site.key('mine'), {
      device: 'mine',
      nonce: 9,
    }))!;
    for (const frame of [old, ...recorded]) second.attacker.sayFrame(frame);
    await until(async () => (await site.counted('frame-mac')) > before + recorded.length);
    // With the very same HELLO, which a weak device may say: the proxy's nonce is another.
    const third = (await greet(await site.dial(), site.key('mine'), { device: 'mine', nonce: 9 }))!;
    assert.not.equal(third.sessionKey, second.sessionKey);
  });

  test('frames in another order: what is not above the last counter is not taken, and is sent again', async () => {
    let held: Buffer | null = null;
    let swapped = 0;
    tap.tamper((frame, way) => {
      if (way === 'to-device' || frame[0] !== DATA) return [frame];
      if (held === null) {
        held = frame;
        return [];
      }
      const pair = [frame, held];
      held = null;
      swapped += 1;
      return pair;
    });
    await until(() => swapped > 3);
    tap.tamper((frame) => [frame]);
    await passes(tapped, 20);
  });

  test('a resumed HELLO and PROOF, again on another connection: challenged, and the live one stays', async () => {
    const device = 'again';
    const mine = (await greet(await site.dial(), site.key(device), { device }))!;
    const body = hello({ device, flags: 8, nonce: 11 });
    const proof = withMac(mine.sessionKey, 2, items(PROOF), { hello: body });
    mine.attacker.say(body);
    mine.attacker.sayFrame(proof);
    assert.ok(await mine.attacker.next(WELCOME));
    const before = await site.counted('resume-wrong');
    const replaced = await site.counted('replaced');
    const thief = await site.dial();
    thief.say(body);
    thief.sayFrame(proof);
    assert.ok(await thief.next(CHALLENGE));
    // With other items under the same PROOF, and the counter of it raised.
    thief.say(hello({ device, flags: 8, nonce: 12 }));
    const raised = Buffer.from(proof);
    raised.writeUInt32BE(3, 1);
    thief.sayFrame(raised);
    assert.ok(await thief.next(CHALLENGE));
    assert.is(await site.counted('resume-wrong'), before + 2);
    assert.not.ok(thief.types().includes(WELCOME));
    assert.is(await site.counted('replaced'), replaced);
    // The session that was resumed goes on.
    const empty = hello({ device, flags: 8, tables: [emptyTable], nonce: 13 });
    mine.attacker.say(empty);
    mine.attacker.sayFrame(withMac(mine.sessionKey, 4, items(PROOF), { hello: empty }));
    assert.ok(await mine.attacker.next(WELCOME));
  });

  test('nothing but what the devices sent is kept', async () => {
    await site.onlyHonest(honest, tapped);
  });

  test.run();
}

// No key, a guessed one, another device's, by each door: nothing is written, each try is counted, and nobody is told which names exist ([W-56]).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  CHALLENGE,
  forged,
  greet,
  hello,
  items,
  itemsOf,
  PROOF,
  RESET,
  sessionKeyOf,
  WELCOME,
  withCrc,
  withMac,
} from './attacker.js';
import { Attacked } from './scene.js';

for (const door of ['tcp', 'tls', 'udp', 'line', 'gateway'] as const) {
  const test = suite(`a stranger, by ${door}`);
  let site: Attacked;
  let honest: Sensor;

  test.before(async () => {
    const devices = ['other', 'victim', 'asleep', 'mine'];
    site = await Attacked.start(`stranger-${door}`, { door, devices, lines: 16 });
    honest = await site.honest();
  });
  test.after(() => site.end());

  test('without a key: HELLO and DATA with a CRC are answered by CHALLENGE and RESET, and nothing is taken', async () => {
    const stranger = await site.dial();
    stranger.say(hello({ device: 'honest' }));
    const challenge = await stranger.next();
    assert.is(challenge?.[0], CHALLENGE);
    for (const boot of [0, 1, 2 ** 32 - 1]) stranger.say(forged(boot));
    const reset = await stranger.next(RESET);
    assert.is(itemsOf(reset!.subarray(0, -4))[1], 0);
    // A PROOF with a CRC, an empty one, a long one.
    stranger.say(items(PROOF));
    stranger.sayFrame(Buffer.of(PROOF));
    stranger.sayFrame(Buffer.alloc(2_000, PROOF));
    await until(async () => (await site.counted('proof-wrong')) > 0);
    await passes(honest, 10);
    assert.not.ok(stranger.types().includes(WELCOME));
    await site.nothingForged();
  });

  test("a guessed key and another device's key: RESET 4, counted, and the device beside goes on", async () => {
    const before = await site.counted('proof-wrong');
    const guesses = [Buffer.alloc(0), Buffer.alloc(16), 'honest', 'password', site.key('other')];
    for (const guess of guesses) {
      const stranger = await site.dial();
      assert.is(await greet(stranger, guess, { device: 'honest' }), null);
      assert.equal(stranger.types(), [CHALLENGE, RESET]);
      assert.equal(itemsOf(stranger.heard[1]!.subarray(0, -4)).slice(0, 2), [RESET, 4]);
    }
    assert.is(await site.counted('proof-wrong'), before + guesses.length);
    assert.is(await site.counted('replaced'), 0);
    await passes(honest, 10);
  });

  test('the MAC of 8 bytes: a hundred forged frames under a sound HELLO are counted and none is taken', async () => {
    const before = await site.counted('frame-mac');
    const mine = await greet(await site.dial(), site.key('victim'), { device: 'victim' });
    for (let index = 0; index < 100; index++) {
      const frame = withMac(mine!.sessionKey, index + 2, forged(mine!.boot, index));
      frame[frame.length - 1 - (index % 8)]! ^= 1 << (index % 8);
      mine!.attacker.sayFrame(frame);
    }
    await until(async () => (await site.counted('frame-mac')) === before + 100);
    await site.nothingForged();
  });

  test('known and unknown names are answered alike', async () => {
    const answers = new Map<string, string[]>();
    for (const device of ['honest', 'asleep', 'unknown', 'x', '__proto__', 'constructor']) {
      const stranger = await site.dial();
      const body = hello({ device });
      stranger.say(body);
      const challenge = (await stranger.next(CHALLENGE))!.subarray(0, -4);
      const guess = sessionKeyOf('0123456789abcdef', body, challenge);
      stranger.sayFrame(withMac(guess, 1, items(PROOF), { hello: body }));
      await stranger.next(RESET);
      // With the flag of a session that it may resume: a known session waits for the PROOF, which is no answer to an unknown name either.
      const resumed = hello({ device, flags: 8 });
      stranger.say(resumed);
      stranger.sayFrame(withMac(guess, 2, items(PROOF), { hello: resumed }));
      await stranger.next(CHALLENGE);
      stranger.say(hello({ device, nonce: 8 }));
      await stranger.next(CHALLENGE);
      answers.set(
        device,
        stranger.heard.map((frame) =>
          frame[0] === CHALLENGE ? `challenge of ${frame.length}` : frame.toString('hex'),
        ),
      );
    }
    const [known, ...others] = answers.values();
    for (const other of others) assert.equal(other, known);
  });

  test("each CHALLENGE has a nonce of its own, and says nothing of the others'", async () => {
    const nonces = new Set<string>();
    const stranger = await site.dial();
    for (let nonce = 0; nonce < 20; nonce++) {
      stranger.say(hello({ device: 'honest', nonce }));
      nonces.add((await stranger.next(CHALLENGE))!.subarray(2, 18).toString('hex'));
    }
    assert.is(nonces.size, 20);
  });

  test("a HELLO of another name in a live session, with the first one's key, changes nothing", async () => {
    const key = site.key('mine');
    const mine = (await greet(await site.dial(), key, { device: 'mine' }))!;
    const body = hello({ device: 'honest', flags: 8 });
    mine.attacker.say(body);
    mine.attacker.sayFrame(withMac(mine.sessionKey, 2, items(PROOF), { hello: body }));
    const asked = (await mine.attacker.next(CHALLENGE))!.subarray(0, -4);
    const wrong = sessionKeyOf(key, body, asked);
    mine.attacker.sayFrame(withMac(wrong, 1, items(PROOF), { hello: body }));
    mine.attacker.sayFrame(withCrc(forged(mine.boot)));
    await passes(honest, 20);
    assert.is(await site.counted('replaced'), 0);
  });

  test('the device beside is whole, and nothing else is in the journal', async () => {
    await site.onlyHonest(honest);
  });

  test.run();
}

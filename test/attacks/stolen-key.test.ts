// A stolen device or key writes as that device, until it is revoked, and as no other. Two devices with one flash are held apart, and nothing of
// either is lost or merged ([W-5], [W-31], [W-56]).

import { crc32 } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  type Attacker,
  blockOf,
  CHALLENGE,
  data,
  emptyTable,
  forged,
  greet,
  hello,
  items,
  itemsOf,
  PROOF,
  RESET,
  WELCOME,
  withMac,
} from './attacker.js';
import { Attacked } from './scene.js';

for (const door of ['tcp', 'udp'] as const) {
  const test = suite(`a stolen key, by ${door}`);
  let site: Attacked;
  let honest: Sensor;

  test.before(async () => {
    const devices = ['stolen', 'gone', 'held', 'rotated', 'copied', 'fought'];
    site = await Attacked.start(`stolen-key-${door}`, { door, devices });
    honest = await site.honest();
  });
  test.after(() => site.end());

  const with0 = { tables: [emptyTable] };
  const eventsOf = async (device: string) =>
    (await site.journal()).filter((one) => one.device === device).map(({ value }) => value);

  async function steal(device: string, more: object = with0) {
    return greet(await site.dial(), site.key(device), { device, ...more });
  }

  test('writes as its device: what nothing stops', async () => {
    const thief = (await steal('stolen'))!;
    thief.write(forged(thief.boot));
    assert.ok(await thief.attacker.next(ACK));
    assert.equal(await eventsOf('stolen'), ['forged']);
  });

  test('writes as no other device, whatever name it says', async () => {
    for (const device of ['honest', 'gone', 'unknown', 'stolen ', 'STOLEN', 'stole']) {
      assert.is(await greet(await site.dial(), site.key('stolen'), { device, ...with0 }), null);
    }
    const thief = (await steal('stolen', { ...with0, nonce: 9 }))!;
    // Its own session, and boots that are another's.
    const boots = (await site.journal())
      .filter(({ device }) => device === 'honest')
      .map(({ id }) => Number(id.split('/')[0]));
    thief.write(forged(boots[0]!));
    assert.is(itemsOf((await thief.attacker.next(RESET))!.subarray(0, -4))[1], 0);
    await passes(honest, 10);
  });

  test('revoked while it is live: its session ends, and no other begins, not by resuming either', async () => {
    const thief = (await steal('gone'))!;
    assert.is((await site.device('revoke', 'gone')).code, 0);
    const reset = (await thief.attacker.next(RESET))!;
    assert.is(itemsOf(reset.subarray(0, -4))[1], 4);
    for (let seq = 0; seq < 5; seq++) thief.write(forged(thief.boot, seq));
    const resumed = hello({ device: 'gone', flags: 8, ...with0 });
    thief.attacker.say(resumed);
    thief.attacker.sayFrame(withMac(thief.sessionKey, 50, items(PROOF), { hello: resumed }));
    assert.is(await steal('gone'), null);
    assert.is(thief.attacker.types().filter((type) => type === WELCOME).length, 1);
    assert.equal(await eventsOf('gone'), []);
    await passes(honest, 10);
  });

  test('revoked between a HELLO that resumes and its PROOF, on a live channel and on one that never was: no session begins', async () => {
    const thief = (await steal('held'))!;
    const beside = await site.dial();
    const held = [thief.attacker, beside].map((attacker, at) => {
      const body = hello({ device: 'held', flags: 8, nonce: 60 + at, ...with0 });
      attacker.say(body);
      return { attacker, body };
    });
    await passes(honest, 10);
    assert.is((await site.device('revoke', 'held')).code, 0);
    await thief.attacker.next(RESET);
    for (const [at, { attacker, body }] of held.entries()) {
      const proof = withMac(thief.sessionKey, 50 + at, items(PROOF), { hello: body });
      attacker.sayFrame(proof);
      assert.is((await attacker.next(WELCOME, CHALLENGE))?.[0], CHALLENGE);
      for (let seq = 0; seq < 3; seq++) thief.write(forged(thief.boot, seq), 60 + 10 * at + seq);
    }
    await passes(honest, 10);
    assert.equal(await eventsOf('held'), []);
  });

  test('rotated: the stolen old one is valid until it is said that the new one is in the device', async () => {
    assert.is((await site.device('rotate', 'rotated')).code, 0);
    const thief = (await steal('rotated'))!;
    assert.is((await site.device('rotate', '--finish', 'rotated')).code, 0);
    await thief.attacker.next(RESET);
    thief.write(forged(thief.boot));
    assert.is(await steal('rotated'), null);
    assert.equal(await eventsOf('rotated'), []);
  });

  test('a copied flash, two lives under one boot number: told apart by the fingerprint, and both are whole', async () => {
    const lives = ['original', 'copy'].map((life) => {
      const block = [0, 1].map((seq): [string, Buffer] => ['life', items(`${life} ${seq}`)]);
      return { block, print: crc32(blockOf(block)) };
    });
    const boot = 4_001;
    const taken: string[] = [];
    // Twice the first one: what both hold from before the copy, under one fingerprint, is one event.
    for (const { block, print } of [lives[0]!, lives[0]!, lives[1]!]) {
      const one = (await steal('copied', { ...with0, flags: 1, boots: [[boot, 0, 2, print]] }))!;
      taken.push(`${one.boot === boot ? 'its' : 'another'} number, from ${one.welcome[2]}`);
      one.write(data(one.boot, 0, block));
      const ack = (await one.attacker.next(ACK))!;
      assert.equal(itemsOf(ack.subarray(0, -12)).slice(0, 3), [ACK, one.boot, 2]);
    }
    assert.equal(taken, ['its number, from 0', 'its number, from 2', 'another number, from 0']);
    assert.is(await site.counted('renumbered'), 1);
    const told = { boot, from: 2, to: null, reason: 'tail-unknown' };
    const all = ['original 0', 'original 1', told, 'copy 0', 'copy 1'];
    assert.equal(await eventsOf('copied'), all);
  });

  test('two that live at once under one name take turns, then are held apart, counted, without a loss', async () => {
    const live: Attacker[] = [];
    let refused = false;
    for (let turn = 0; turn < 8 && !refused; turn++) {
      const attacker = await site.dial();
      live.push(attacker);
      const writer = await greet(attacker, site.key('fought'), { device: 'fought', nonce: turn });
      refused = writer === null;
    }
    assert.ok(refused);
    assert.ok((await site.counted('replaced-too-often')) > 0);
    const reset = live.at(-1)!.heard.at(-1)!;
    const [, reason, retryMs] = itemsOf(reset.subarray(0, -4));
    assert.is(reason, 2);
    assert.ok(Number(retryMs) >= 1_000);
    await until(() => live.filter(({ closed }) => !closed).length > 0);
  });

  test('the device beside is whole', async () => {
    assert.ok(await honest.finish());
    const taken = await site.journal();
    assert.is(taken.filter(({ device }) => device === 'honest').length, honest.sent.size);
    const writers = new Set(taken.map(({ device }) => device));
    assert.equal([...writers].sort(), ['copied', 'honest', 'stolen']);
  });

  test.run();
}

// A rogue gateway, or whoever stands between: it sees every frame both ways, and bends, drops, repeats, holds back, swaps and invents. The device
// believes no acknowledgement that its proxy did not make, and nothing invented is in the journal ([W-39], [W-40], [W-42], [W-43]).

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  CHALLENGE,
  cobs,
  DATA,
  envelope,
  forged,
  HELLO,
  hello,
  items,
  itemsOf,
  PROOF,
  RESET,
  WELCOME,
  withCrc,
} from './attacker.js';
import { honestly, openRogue, type Rogue, type Tamper, type Way } from './rogue.js';
import { Attacked } from './scene.js';

const test = suite('a rogue gateway');
let site: Attacked;
let honest: Sensor;
let victims: Sensor[];
let rogue: Rogue;

test.before(async () => {
  site = await Attacked.start('rogue-gateway', { devices: ['one', 'two'] });
  honest = await site.honest();
  rogue = site.scene.add(await openRogue(() => site.connect()), (rogue) => rogue.close());
  victims = [await site.sense('one', { port: rogue.port, everyMs: 25 })];
  await passes(victims[0]!, 10);
});
test.after(() => site.end());

/** Nothing is acknowledged on a device that its journal does not hold. */
async function believesOnlyTheProxy(): Promise<void> {
  const believed = victims.map((victim) => [victim.device, victim.acknowledged()] as const);
  const taken = await site.journal();
  for (const [device, acknowledged] of believed) {
    const seqs = taken.filter((one) => one.device === device);
    assert.ok(acknowledged <= seqs.length, `${device}: ${acknowledged} of ${seqs.length}`);
  }
}

const bend: [what: string, (frame: Buffer, count: number) => Uint8Array[]][] = [
  [
    'flips a bit',
    (frame, count) => {
      const bent = Buffer.from(frame);
      bent[(count * 7) % frame.length]! ^= 1 << (count % 8);
      return [bent];
    },
  ],
  ['drops', () => []],
  ['repeats', (frame) => [frame, frame, frame]],
  ['cuts short', (frame) => [frame.subarray(0, frame.length - 3)]],
  ['puts a CRC in the place of the MAC of', (frame) => [withCrc(frame.subarray(0, -12))]],
];

for (const [what, bent] of bend) {
  test(`${what} a third of all frames, both ways`, async () => {
    let count = 0;
    rogue.tamper((frame) => (++count % 3 === 0 ? bent(frame, count) : [frame]));
    await until(() => count > 40);
    rogue.tamper(honestly);
    await passes(victims[0]!, 20);
    await believesOnlyTheProxy();
  });
}

test('invents frames for the proxy in a live session: DATA, TABLE, HELLO, an envelope', async () => {
  const before = await site.counted('replaced');
  const boot = Number(itemsOf(lastSeen('to-proxy', DATA), 2)[1]);
  for (let index = 0; index < 20; index++) {
    rogue.inject('to-proxy', withCrc(forged(boot, index)));
    rogue.inject('to-proxy', Buffer.concat([forged(boot, index), Buffer.alloc(12)]));
    rogue.inject('to-proxy', withCrc(hello({ device: 'one', boots: [[boot, 0, 900_000, 0]] })));
    rogue.inject('to-proxy', withCrc(hello({ device: 'two' })));
  }
  await passes(victims[0]!, 20);
  assert.is(await site.counted('replaced'), before);
  await believesOnlyTheProxy();
});

test('invents frames for the device: ACK, WELCOME, CHALLENGE, RESET, with a CRC, a MAC of zeros, an old MAC', async () => {
  const boot = Number(itemsOf(lastSeen('to-proxy', DATA), 2)[1]);
  const nonce = Number(itemsOf(lastSeen('to-proxy', HELLO).subarray(0, -4))[5]);
  const all = 4_000_000_000;
  const bodies = [
    items(ACK, boot, all, all, 0),
    items(ACK, boot, victims[0]!.acknowledged() + 1, all, 0),
    items(WELCOME, nonce, all, all, 0, boot, 1, Date.now(), 2_304, null, []),
    items(WELCOME, nonce, victims[0]!.acknowledged() + 1, all, 0, boot, 1, 0, 2_304, null, []),
  ];
  const old = lastSeen('to-device', ACK);
  const attempts = [
    ...bodies.flatMap((body) => [
      withCrc(body),
      Buffer.concat([body, Buffer.alloc(12)]),
      Buffer.concat([body, old.subarray(-12)]),
      Buffer.concat([body, Buffer.alloc(12, 0xff)]),
    ]),
    old,
    withCrc(items(CHALLENGE, Buffer.alloc(16))),
    withCrc(items(RESET, 4, 3_600_000)),
    withCrc(items(RESET, 0, 0)),
  ];
  for (const frame of attempts) {
    rogue.inject('to-device', frame);
    await passes(victims[0]!, 3);
  }
  await believesOnlyTheProxy();
});

test("answers the HELLO in the proxy's place: its own CHALLENGE first, a WELCOME with a CRC beside the right one", async () => {
  let answered = 0;
  let isFirst = false;
  rogue.tamper((frame, way) => {
    // The PROOF that follows HELLO at once is spoiled, or the session would be resumed without a CHALLENGE.
    if (way === 'to-proxy' && frame[0] === HELLO) isFirst = true;
    if (way === 'to-proxy' && frame[0] === PROOF && isFirst) {
      isFirst = false;
      return [Buffer.concat([frame.subarray(0, -1), Buffer.of(frame.at(-1)! ^ 1)])];
    }
    if (way === 'to-proxy' || frame[0] !== CHALLENGE || answered >= 6) return [frame];
    answered += 1;
    const own = withCrc(items(CHALLENGE, Buffer.alloc(16, answered)));
    return answered % 2 === 0 ? [own, frame] : [frame, own];
  });
  // RESET has it say HELLO again.
  while (answered < 6) {
    rogue.inject('to-device', withCrc(items(RESET, 0, 0)));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  rogue.tamper(honestly);
  await passes(victims[0]!, 20);
  await believesOnlyTheProxy();
});

test('swaps two devices, connection for connection: neither is taken for the other', async () => {
  victims.push(await site.sense('two', { port: rogue.port, everyMs: 25 }));
  await passes(victims[1]!, 10);
  // What the one says is said in the other's session too.
  const others = new Map<number, Buffer>();
  const mixed: Tamper = (frame, _way, connection) => {
    const key = connection;
    const stranger = [...others].find(([of]) => of !== key)?.[1];
    others.set(key, frame);
    return stranger === undefined ? [frame] : [stranger, frame];
  };
  let count = 0;
  rogue.tamper((frame, way, connection) => {
    count += 1;
    return way === 'to-proxy' ? mixed(frame, way, connection) : [frame];
  });
  await until(() => count > 40);
  rogue.tamper(honestly);
  await Promise.all(victims.map((victim) => passes(victim, 20)));
  await believesOnlyTheProxy();
});

test("envelopes: nested, with a wrong head, on a channel of its own with another device's frames", async () => {
  const gateway = await site.dial();
  const recorded = rogue.seen.filter(({ way }) => way === 'to-proxy').slice(-200);
  const say = (frame: Uint8Array) => gateway.stream.write(cobs(frame));
  for (const { frame } of recorded) {
    for (const channel of [0, 1, 65_535]) say(envelope(channel, frame));
    say(envelope(1, envelope(2, frame)));
    const wrong = envelope(3, frame);
    wrong[2]! ^= 1;
    say(wrong);
  }
  say(envelope(1, withCrc(hello({ device: 'one' }))));
  say(envelope(1, withCrc(forged(1))));
  say(envelope(1, Buffer.alloc(0)));
  await gateway.next();
  await Promise.all(victims.map((victim) => passes(victim, 20)));
  assert.is(await site.counted('replaced'), 0);
});

test('at its end: the journal has what the devices sent, once, in order, and nothing else', async () => {
  await believesOnlyTheProxy();
  await site.onlyHonest(honest, ...victims);
});

function lastSeen(way: Way, type: number): Buffer {
  const found = rogue.seen.findLast((one) => one.way === way && one.frame[0] === type);
  assert.ok(found, `no frame of type ${type} ${way}`);
  return found.frame;
}

test.run();

// A rogue proxy: a listener that devices connect to in good faith. It has no key. A device with one forgets nothing for what it says, waits no hour that it
// names, and goes on with the honest proxy ([W-39], [W-53]).

import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import { until } from '../site/until.js';
import {
  ACK,
  CHALLENGE,
  HELLO,
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
import { openFalseProxy } from './rogue.js';
import { Attacked } from './scene.js';

const test = suite('a rogue proxy');
let site: Attacked;
test.after.each(() => site.end());

const fromProxy = { direction: 0x50 };
const challenge = items(CHALLENGE, Buffer.alloc(16, 3));
const all = 4_000_000_000;

/** By the HELLO that came, as the proxy that it is not would say it. */
function lies(nonce: number): Buffer[] {
  return [
    items(WELCOME, nonce, 0, all, 0, 1_700_000_000, 1, Date.now(), 2_304, null, []),
    items(WELCOME, nonce, 5, all, 0, 1_700_000_000, 1, Date.now(), 2_304, null, []),
    items(ACK, 1_700_000_000, 100, all, 0),
    items(ACK, 1_700_000_000, all, all, 1),
  ];
}

const proxies: [what: string, answer: () => (frame: Buffer) => Uint8Array[]][] = [
  [
    'WELCOME and ACK by a CRC',
    () => (frame) => (frame[0] === HELLO ? lies(nonceOf(frame)).map(withCrc) : []),
  ],
  [
    'a CHALLENGE, and WELCOME under a key that it guessed, a MAC of zeros, none',
    () => {
      let helloBody = hello({ device: 'x' });
      return (frame) => {
        if (frame[0] === HELLO) {
          helloBody = frame.subarray(0, -4);
          return [withCrc(challenge)];
        }
        if (frame[0] !== PROOF) return [];
        const guesses = ['', 'password', Buffer.alloc(16)].map((key) =>
          sessionKeyOf(key, helloBody, challenge),
        );
        const bodies = lies(Number(itemsOf(helloBody)[5]));
        return bodies.flatMap((body) => [
          ...guesses.map((key) => withMac(key, 1, body, fromProxy)),
          Buffer.concat([body, Buffer.alloc(12)]),
          Buffer.concat([body, frame.subarray(-12)]),
          withCrc(body),
          body,
        ]);
      };
    },
  ],
  [
    'CHALLENGEs without end',
    () => () =>
      Array.from({ length: 20 }, (_, at) => withCrc(items(CHALLENGE, Buffer.alloc(16, at)))),
  ],
  [
    'RESET with an hour, for every reason',
    () => (frame) =>
      frame[0] === HELLO
        ? [0, 1, 2, 3, 4, 5, 6].map((why) => withCrc(items(RESET, why, 3_600_000)))
        : [],
  ],
  ["the device's own frames", () => (frame) => [frame, frame]],
  ['nothing but noise', () => () => [Buffer.alloc(300, 9), Buffer.alloc(5_000, 1)]],
];

for (const [what, answer] of proxies) {
  test(`that says ${what}: nothing is forgotten, and the honest one has it all soon`, async () => {
    site = await Attacked.start('rogue-proxy', { devices: ['fooled'] });
    const rogue = site.scene.add(await openFalseProxy(answer()), (rogue) => rogue.close());
    let port = rogue.port;
    const fooled = await site.sense('fooled', {
      port: () => connect({ port, host: '127.0.0.1', noDelay: true }),
      everyMs: 40,
    });
    await until(() => fooled.buffered() > 60);
    assert.ok(rogue.connections > 0);
    assert.is(fooled.acknowledged(), 0);
    port = site.port;
    await rogue.close();
    await passes(fooled, 60);
    await site.onlyHonest(fooled);
  });
}

function nonceOf(frame: Buffer): number {
  return Number(itemsOf(frame.subarray(0, -4))[5]);
}

test.run();

// A line that others reach too, under keys: a serial line of the proxy's machine, and one of a gateway. A second speaker, garbled frames between good ones,
// what was heard said again, a device that nobody knows, envelopes where none belong: the device on the line and those on others go on ([W-9], [W-40], [W-44], [W-56]).

import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Pty } from '../site/pty.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  Attacker,
  CHALLENGE,
  cobs,
  DATA,
  data,
  emptyTable,
  envelope,
  forged,
  frameCutter,
  greet,
  hello,
  items,
  itemsOf,
  PROOF,
  RESET,
  WELCOME,
  withCrc,
  withMac,
} from './attacker.js';
import { type Door, type LineDoor, speakOn } from './doors.js';
import { Attacked } from './scene.js';

for (const door of ['line', 'gateway'] as const) {
  const test = suite(
    `a ${door === 'line' ? 'serial line' : 'line of a gateway'} that others reach`,
  );
  let site: Attacked;
  /** Alone on its line, and the one on whose line others speak. */
  let honest: Sensor;
  let shared: Sensor;
  let second: Attacker;
  let pty: Pty;
  /** Each frame that the device on the shared line said. */
  const said: Buffer[] = [];

  test.before(async () => {
    const devices = ['shared', 'mine'];
    site = await Attacked.start(`serial-${door}`, { door, devices, lines: 4 });
    honest = await site.honest();
    pty = lines(site.door).take();
    shared = await site.sense('shared', { port: () => heardBy(speakOn(pty), said) });
    await passes(shared, 20);
    second = new Attacker(speakOn(pty));
  });
  test.after(() => site.end());

  const goOn = () => Promise.all([passes(shared, 15), passes(honest, 15)]);
  const quiet = ['replaced', 'replaced-too-often', 'renumbered', 'boot-ended', 'revoked'];
  const nothingMoved = async () => {
    await goOn();
    assert.equal(await Promise.all(quiet.map((kind) => site.counted(kind))), [0, 0, 0, 0, 0]);
  };
  const itsBoot = () => Number(itemsOf(said.findLast(([type]) => type === DATA)!, 2)[1]);

  test('a second speaker without a key: HELLOs, PROOFs, DATA, TABLE in its name and in others: the session stays', async () => {
    const wrong = await site.counted('proof-wrong');
    for (let round = 0; round < 20; round++) {
      for (const device of ['shared', 'honest', 'nobody']) {
        const body = hello({ device, nonce: round, boots: [[itsBoot(), 0, 900_000, round]] });
        second.say(body);
        second.sayFrame(withMac(Buffer.alloc(32, round), 1, items(PROOF), { hello: body }));
      }
      second.say(forged(itsBoot(), round));
      second.sayFrame(withMac(Buffer.alloc(32), 1_000_000 + round, forged(itsBoot(), round)));
      second.say(items(1, 0, 'shared', 0, 254, round, 0, [], [[1, 0, 0, 0]]));
      await passes(shared, 2);
    }
    assert.ok((await site.counted('proof-wrong')) > wrong);
    await nothingMoved();
  });

  test('garbled frames between good ones, halves of frames, noise: those are lost and sent again', async () => {
    const before = await site.counted('frame-mac');
    for (let round = 0; round < 30; round++) {
      const frame = Buffer.from(said.at(-1)!);
      frame[round % frame.length]! ^= 1 << (round % 8);
      second.sayFrame(frame);
      second.stream.write(cobs(said.at(-1)!).subarray(0, 9));
      second.stream.write(
        Buffer.from(Array.from({ length: 40 }, (_, at) => (at * 31 + round) % 256)),
      );
      await passes(shared, 1);
    }
    await until(async () => (await site.counted('frame-mac')) > before);
    await nothingMoved();
  });

  test('what the device said, again, in order and backwards: counted, and taken once', async () => {
    const before = await site.counted('frame-replayed');
    const recorded = said.filter(([type]) => type === DATA).slice(-50);
    for (const frame of [...recorded, ...recorded.toReversed()]) second.sayFrame(frame);
    await until(async () => (await site.counted('frame-replayed')) > before + 50);
    for (const frame of said.slice(0, 20)) second.sayFrame(frame);
    await nothingMoved();
  });

  test('RESET and CHALLENGE at the device by whoever is on the line: it says HELLO, and goes on', async () => {
    for (let round = 0; round < 4; round++) {
      // The far end's own: nothing of the proxy's.
      for (const stream of streams) {
        stream.push(cobs(withCrc(items(RESET, 4, 3_600_000))));
        stream.push(cobs(withCrc(items(CHALLENGE, Buffer.alloc(16, round)))));
        stream.push(cobs(withCrc(items(ACK, itsBoot(), 4_000_000, 4_000_000, 0))));
      }
      await passes(shared, 5);
    }
    await nothingMoved();
  });

  test('a device that nobody knows, on a line of its own: a challenge, RESET 4, and nothing for the others', async () => {
    const stranger = await site.dial();
    assert.is(await greet(stranger, 'guessed', { device: 'stranger' }), null);
    stranger.say(forged(7));
    for (const channel of [0, 1, 2, 3, 65_535]) {
      stranger.sayFrame(envelope(channel, withCrc(hello({ device: 'honest' }))));
      stranger.sayFrame(envelope(channel, Buffer.alloc(0)));
      stranger.sayFrame(envelope(channel, withCrc(forged(itsBoot()))));
    }
    stranger.sayFrame(envelope(1, envelope(2, withCrc(hello({ device: 'honest' })))));
    stranger.say(hello({ device: 'stranger', nonce: 9 }));
    assert.ok(await stranger.next(CHALLENGE));
    assert.not.ok(stranger.types().includes(WELCOME));
    if (door === 'gateway') {
      // Of a line: whatever it says is one frame on its channel.
      assert.ok((await site.counted('envelope-in-envelope')) > 0);
    }
    await nothingMoved();
    stranger.end();
  });

  test('another known device on the same line: a session each in turn, and nothing of one for the other', async () => {
    const ofMine = async () => (await site.journal()).filter(({ device }) => device === 'mine');
    // Each has the line until the other says HELLO; what it heard of the proxy may have been for the other.
    for (let nonce = 100; (await ofMine()).length === 0; nonce++) {
      const speaker = site.scene.add(new Attacker(speakOn(pty)), (speaker) => speaker.end());
      const of = { device: 'mine', tables: [emptyTable], nonce };
      const mine = await greet(speaker, site.key('mine'), of);
      mine?.write(data(mine.boot, 0, [['own', items(1)]]));
      mine?.write(forged(itsBoot(), 0));
      await passes(shared, 5);
      speaker.end();
    }
    await goOn();
    const own = await ofMine();
    assert.equal(
      own.map(({ stream }) => stream),
      ['own'],
    );
  });

  test('the devices are whole', async () => {
    assert.ok((await shared.finish()) && (await honest.finish()));
    const taken = await site.journal();
    for (const { device, sent } of [shared, honest]) {
      const seqs = taken.filter((one) => one.device === device).map(({ id }) => id.split('/')[1]);
      assert.equal(seqs, [...sent.keys()].map(String));
    }
    const streams = new Set(taken.map(({ stream }) => stream));
    assert.equal([...streams].sort(), ['climate', 'own']);
  });

  const streams: Duplex[] = [];
  /** Writes down what a device says. */
  function heardBy(stream: Duplex, frames: Buffer[]): Duplex {
    streams.push(stream);
    const cut = frameCutter((frame) => frames.push(frame));
    const write = stream.write.bind(stream) as (chunk: Uint8Array) => boolean;
    stream.write = ((chunk: Uint8Array) => {
      cut(chunk);
      return write(chunk);
    }) as typeof stream.write;
    return stream;
  }

  test.run();
}

function lines(door: Door): LineDoor {
  return door as LineDoor;
}

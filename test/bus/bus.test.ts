import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeEnvelope } from '../../proxy/envelope.js';
import { encodeFrame, framesOf, toStream } from '../../proxy/frame.js';
import { helloBody } from '../proxy/talk.js';
import { type BusDevice, busSite } from './bus-site.js';

// The master of a bus and drops of the SDK, on wires with true byte times (PROTOCOL.md §14).

type Site = Awaited<ReturnType<typeof busSite>>;

/** Ten events a second of each, and what they take to arrive. */
async function traffic(site: Site, devices: readonly BusDevice[], seconds: number): Promise<void> {
  for (let event = 0; event < 10 * seconds; event++) {
    for (const device of devices) device.send();
    await site.run(100);
  }
  await site.run(10_000);
}

/** An envelope as it is on the bus. */
const spoken = (channel: number, frame: Uint8Array) =>
  Uint8Array.from([0, ...toStream([encodeEnvelope({ channel, frame })])]);

test('drops speak in their turn: everything arrives once, in order, and nobody collides', async () => {
  const site = await busSite({ drops: [1, 7, 200] });
  const devices = [1, 7, 200].map(site.device);
  await traffic(site, devices, 20);
  assert.equal([1, 7, 200].map(site.journaled), [200, 200, 200]);
  assert.is(site.bus.collisions, 0);
  assert.equal(site.said, []);
});

test('drops with keys: a master that has none passes their frames on unread', async () => {
  const site = await busSite({ drops: [1, 7] }, 115_200, 'a-key-of-32-characters-as-if-drawn');
  await traffic(site, [1, 7].map(site.device), 10);
  assert.equal([1, 7].map(site.journaled), [100, 100]);
  assert.equal(site.said, []);
});

test('an adapter that hears itself: nothing of it is taken for an answer', async () => {
  const site = await busSite({ drops: [1, 2], driverEnable: 'rts' });
  site.bus.hearsItself = true;
  await traffic(site, [1, 2].map(site.device), 5);
  assert.equal([1, 2].map(site.journaled), [50, 50]);
  assert.equal(site.said, []);
  // The driver is on for each poll, and off before the answer.
  assert.ok(site.driven.length > 100);
  assert.ok(site.driven.every((on, index) => on === (index % 2 === 0)));
});

test('a drop that answers late: its frames are its own, and no newer poll ends with them', async () => {
  const site = await busSite({ drops: [1, 2], answerTimeoutMs: 20 });
  const [late, other] = [1, 2].map(site.device) as [BusDevice, BusDevice];
  late.delayMs = 35;
  await traffic(site, [late, other], 10);
  assert.is(site.journaled(2), 100);
  assert.ok(site.said.includes('drop-silent /dev/ttyUSB0#1'));
  assert.ok(site.said.includes('drop-late 1'));
  late.delayMs = 1;
  await traffic(site, [late], 1);
  assert.is(site.journaled(1), late.accepted);
  assert.ok(site.said.includes('/dev/ttyUSB0#1: answers again'));
});

test('a drop that takes long to react, within what an answer may take, is not cut short on a fast bus', async () => {
  const site = await busSite({ drops: [1, 2], answerTimeoutMs: 500 }, 921_600);
  const [slow, other] = [1, 2].map(site.device) as [BusDevice, BusDevice];
  slow.delayMs = 400;
  await traffic(site, [slow, other], 20);
  assert.equal([1, 2].map(site.journaled), [slow.accepted, other.accepted]);
  assert.equal(site.said, []);
});

test('a drop that says all of it twice', async () => {
  const site = await busSite({ drops: [1, 2], turnaroundMs: 4 });
  const devices = [1, 2].map(site.device);
  let turn: number[] = [];
  // As a repeater does that echoes a segment: what drop 1 said comes once more behind it.
  const repeater = site.bus.join((bytes) => {
    turn.push(...bytes);
    const frames = framesOf(Uint8Array.from(turn));
    const isOfDrop1 = frames.at(-1)?.[0] === 14 && frames.at(-1)?.[1] === 1;
    const isEnd = isOfDrop1 && frames.at(-1)?.[4] === 12;
    if (turn.at(-1) !== 0 || frames.length === 0) return;
    if (isEnd) repeater.send(Uint8Array.from(turn));
    if (isEnd || !isOfDrop1 || frames.at(-1)?.[4] === 11) turn = [];
  });
  await traffic(site, devices, 10);
  assert.equal([1, 2].map(site.journaled), [100, 100]);
  assert.ok(site.said.some((line) => line.startsWith('drop-')));
  assert.is(site.bus.collisions, 0, 'a poll waits until nobody speaks');
});

test('one that is not there costs a round once in a while, and is said once', async () => {
  const site = await busSite({ drops: [1, 2, 3], scanEveryMs: 500 });
  const device = site.device(2);
  await traffic(site, [device], 10);
  assert.is(site.journaled(2), 100);
  assert.is(site.outcomes.counts().get('drop-silent'), 2);
  assert.equal(site.said, ['drop-silent /dev/ttyUSB0#1', 'drop-silent /dev/ttyUSB0#3']);
  assert.equal(site.whys, Array(2).fill('it does not answer; tried every 500 ms'));
});

test('one that talks out of turn disturbs a turn, and loses nothing of anybody', async () => {
  const site = await busSite({ drops: [1, 2] });
  const devices = [1, 2].map(site.device);
  const talker = site.bus.join(() => {});
  const hello = framesOf(encodeFrame(helloBody([{}], { device: 'stranger' })))[0]!;
  let isTalking = true;
  const talk = () => {
    if (isTalking) talker.send(spoken(9, hello));
    site.scheduler.after(777, talk);
  };
  talk();
  await traffic(site, devices, 10);
  isTalking = false;
  await site.run(20_000);
  assert.equal([1, 2].map(site.journaled), [100, 100]);
  assert.ok(site.bus.collisions > 0);
  assert.is(site.outcomes.counts().get('drop-unasked')! > 0, true);
});

test('bits that flip and bytes that are lost', async () => {
  const site = await busSite({ drops: [1, 2] });
  site.bus.isNoisy = true;
  const devices = [1, 2].map(site.device);
  await traffic(site, devices, 30);
  site.bus.isNoisy = false;
  await site.run(30_000);
  assert.equal([1, 2].map(site.journaled), [300, 300]);
  assert.ok(site.outcomes.counts().size > 0);
});

test('a drop that nobody named is found by the scan', async () => {
  const site = await busSite({ drops: [1], scan: { from: 1, to: 12 }, scanEveryMs: 100 });
  const devices = [1, 12].map(site.device);
  await traffic(site, devices, 10);
  assert.equal([1, 12].map(site.journaled), [100, 100]);
  assert.equal(site.said, ['/dev/ttyUSB0#12: found']);
});

test('what the scan has found is polled at once when the line is back', async () => {
  const site = await busSite({ drops: [1], scan: { from: 1, to: 100 }, scanEveryMs: 100 });
  const [, device] = [1, 100].map(site.device) as [BusDevice, BusDevice];
  await site.run(15_000);
  assert.equal(site.said.splice(0), ['/dev/ttyUSB0#100: found']);
  for (let event = 0; event < 10; event++) device.send();
  site.lose();
  await site.run(1_000);
  site.open();
  await site.run(1_000);
  assert.is(site.journaled(100), 10);
  assert.not.ok(site.said.some((line) => line.endsWith('found')));
});

test('nobody is looked for at a meter’s address', async () => {
  const registers = [{ name: 'wh', at: 0, type: 'uint16' }];
  const meter = { address: 3, device: 'meter', stream: 'energy', registers };
  const scan = { from: 1, to: 4 };
  const site = await busSite({ scan, scanEveryMs: 50, modbus: [meter] });
  const polled = new Set<number>();
  let wire: number[] = [];
  site.bus.join((bytes) => {
    wire.push(...bytes);
    if (bytes[0] !== 0) return;
    for (const frame of framesOf(Uint8Array.from(wire))) polled.add(frame[1]!);
    wire = [];
  });
  await site.run(2_000);
  assert.equal([...polled].sort(), [1, 2, 4]);
});

test('one that babbles without an end holds the bus no longer than a turn', async () => {
  const site = await busSite({ drops: [1, 2] });
  const device = site.device(2);
  const babbler = site.bus.join(() => {});
  babbler.send(new Uint8Array(100_000).fill(0x55));
  await site.run(8_000);
  assert.is(site.outcomes.counts().get('drop-silent'), 2, 'their turns came and went');
  await site.run(2_000);
  await traffic(site, [device], 3);
  assert.is(site.journaled(2), 30);
});

test('the bus is lent for a request of another protocol, and nobody is polled meanwhile', async () => {
  const site = await busSite({ drops: [1, 2] });
  const devices = [1, 2].map(site.device);
  const request = [0x11, 3, 0, 0, 0, 2, 0xc6, 0x9b];
  let heard: number[] = [];
  const meter = site.bus.join((bytes) => {
    heard = [...heard, ...bytes].slice(-request.length);
    if (heard.join() === request.join()) meter.send(Uint8Array.of(0x11, 0x22, 0x33));
  });
  const answers: number[][] = [];
  const ask = () =>
    site.master.borrow(async (bus) => {
      const answer: number[] = [];
      bus.onData = (bytes) => answer.push(...bytes);
      await bus.write(Uint8Array.from(request));
      await site.scheduler.sleep(20);
      answers.push(answer);
    });
  const failed = site.master.borrow(() => Promise.reject(new Error('no answer')));
  let why = '';
  failed.catch((error: Error) => {
    why = error.message;
  });
  const again = () => {
    void ask();
    site.scheduler.after(300, again);
  };
  again();
  await traffic(site, devices, 10);
  assert.equal([1, 2].map(site.journaled), [100, 100]);
  assert.ok(answers.length > 30);
  assert.ok(answers.every((answer) => answer.join() === '17,34,51'));
  assert.is(site.bus.collisions, 0);
  assert.is(why, 'no answer');
});

test.run();

// Datagrams under keys. A source address is no more than a claim: whoever has it, or forges it, neither writes nor takes a session over nor ends one; what is
// said again is counted; and nobody gets more bytes than he sent ([W-46], [W-47], [W-55], [W-56]).

import { crc32 } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  Attacker,
  blockOf,
  DATA,
  data,
  emptyTable,
  FRAGMENT,
  forged,
  greet,
  HELLO,
  hello,
  items,
  itemsOf,
  PROOF,
  RESET,
  WELCOME,
  withCrc,
  withMac,
} from './attacker.js';
import { Attacked } from './scene.js';
import { chunksOver, datagramOf, framesIn, framesOver, UdpAddress } from './udp.js';

const test = suite('datagrams');
let site: Attacked;
let honest: Sensor;
let another: Sensor;
/** Of the honest device, one for each opening of its link. */
const addresses: UdpAddress[] = [];
const others: UdpAddress[] = [];
const growthMbMax = 150;

const port = () => site.proxy.udpPort;

function wayOf(all: UdpAddress[]) {
  return () => {
    const address = new UdpAddress(port());
    all.push(address);
    return chunksOver(address);
  };
}

test.before(async () => {
  const limits = { unprovenMax: 40, addressShare: 0.25 };
  const devices = ['another', 'mine', 'late'];
  site = await Attacked.start('datagrams', { door: 'udp', devices, limits });
  honest = await site.sense('honest', { port: wayOf(addresses) });
  another = await site.sense('another', { port: wayOf(others) });
  await Promise.all([passes(honest, 20), passes(another, 20)]);
});
test.after(() => site.end());

/** The live one. */
const itsAddress = () => addresses.at(-1)!;
const stranger = (from?: string) => site.scene.add(new UdpAddress(port(), from), (a) => a.close());
const counts = (...kinds: string[]) => Promise.all(kinds.map((kind) => site.counted(kind)));

async function isUnmoved(): Promise<void> {
  await Promise.all([passes(honest, 20), passes(another, 10)]);
  assert.equal(await counts('replaced', 'renumbered', 'boot-ended'), [0, 0, 0]);
}

test('datagrams of the session, once more, from its own address and from others: counted, and taken once', async () => {
  const before = await site.counted('frame-replayed');
  const recorded = itsAddress().said.filter((one) => framesIn(one)[0]?.[0] === DATA);
  assert.ok(recorded.length > 3);
  for (const datagram of recorded) itsAddress().say(datagram);
  await until(async () => (await site.counted('frame-replayed')) >= before + recorded.length);
  for (const from of ['127.0.0.1', '127.0.0.2']) {
    const thief = stranger(from);
    for (const datagram of itsAddress().said.slice(0, 200)) thief.say(datagram);
    await until(() => thief.heard.length > 0);
    assert.not.ok(thief.heard.flatMap(framesIn).some(([type]) => type === WELCOME));
  }
  await isUnmoved();
});

test("another device's datagrams at its address, HELLO and PROOF among them: none is taken", async () => {
  const [macs] = await counts('frame-mac');
  const recorded = others.at(-1)!.said.slice(0, 100);
  assert.ok(recorded.some((one) => framesIn(one)[0]?.[0] === PROOF));
  for (const datagram of recorded) itsAddress().say(datagram);
  await until(async () => (await site.counted('frame-mac')) > macs!);
  await isUnmoved();
});

test('datagrams of an earlier session, its HELLO and PROOF first: a challenge, and the later one stays', async () => {
  const record = stranger();
  const first = (await greet(new Attacker(framesOver(record)), site.key('mine'), {
    ...{ device: 'mine', tables: [emptyTable] },
  }))!;
  for (let seq = 0; seq < 3; seq++) first.write(data(first.boot, seq, [['own', items(seq)]]));
  await until(async () => (await ofMine()).length === 3);
  const second = stranger();
  const print = crc32(blockOf([['own', items(0)]]));
  const boots: [number, number, number, number][] = [[first.boot, 3, 3, print]];
  const of = { device: 'mine', tables: [emptyTable], nonce: 8, boots };
  const writer = await greet(new Attacker(framesOver(second)), site.key('mine'), of);
  assert.ok(writer);
  const [replaced] = await counts('replaced');
  for (const address of [stranger(), second]) {
    for (const datagram of record.said) address.say(datagram);
  }
  await passes(honest, 10);
  writer.write(data(first.boot, 3, [['own', items(9)]]));
  await until(async () => (await ofMine()).length === 4);
  assert.equal(await counts('replaced'), [replaced]);
  assert.equal(await ofMine(), [0, 1, 2, 9]);
});

const ofMine = async () =>
  (await site.journal()).filter(({ device }) => device === 'mine').map(({ value }) => value);

test('a forged HELLO at its address, of it and of others, with a PROOF and without: the session is not ended, not replaced, not renumbered', async () => {
  const before = await site.counted('replaced');
  const said = itsAddress().said.flatMap(framesIn);
  const boot = Number(itemsOf(said.findLast(([type]) => type === DATA)!, 2)[1]);
  const forgeries = [
    hello({ device: 'honest', boots: [[boot, 0, 0, 0]], uptime: 2 ** 40 }),
    hello({ device: 'honest', boots: [[boot, 0, 900_000, 77]], uptime: 2 ** 40 + 1 }),
    hello({ device: 'honest', boots: [[boot + 1, 0, 0, 0]], flags: 8 }),
    hello({ device: 'another' }),
    hello({ device: 'unknown', flags: 8 }),
  ];
  for (let round = 0; round < 20; round++) {
    for (const body of forgeries) {
      itsAddress().sayFrame(withCrc(body));
      itsAddress().sayFrame(Buffer.concat([items(PROOF), Buffer.alloc(12, round)]));
      itsAddress().sayFrame(withMac(Buffer.alloc(32, round), 1, items(PROOF), { hello: body }));
    }
    await passes(honest, 1);
  }
  assert.is(await site.counted('replaced'), before);
  assert.equal(await counts('renumbered', 'boot-ended'), [0, 0]);
  await passes(honest, 20);
});

test('forged RESETs at the device, and HELLOs in its name whenever it says its own: it comes through, and is not held apart from itself', async () => {
  const forge = setInterval(() => {
    itsAddress().sayFrame(withCrc(hello({ device: 'honest', uptime: 2 ** 40 })));
    itsAddress().sayFrame(withCrc(items(HELLO, 0, 'honest', 0, 254, 1, 0, [], [[1, 0, 0, 0]])));
  }, 50);
  for (let round = 0; round < 8; round++) {
    const before = addresses.length;
    itsAddress().onDatagram(datagramOf([withCrc(items(RESET, 4, 3_600_000))]));
    await until(() => addresses.length > before);
    await passes(honest, 5);
  }
  clearInterval(forge);
  await passes(honest, 20);
  assert.equal(await counts('replaced-too-often', 'renumbered', 'boot-ended'), [0, 0, 0]);
});

test('forged parts of frames at its address, forged DATA, and what is no datagram: dropped, counted', async () => {
  const before = await counts('frame-mac', 'fragment-missing', 'datagram-broken');
  const said = itsAddress().said.flatMap(framesIn);
  const boot = Number(itemsOf(said.findLast(([type]) => type === DATA)!, 2)[1]);
  for (let number = 0; number < 30; number++) {
    const part = (index: number, last: number) =>
      withCrc(Buffer.concat([items(FRAGMENT, number, index, last), Buffer.alloc(60, 4)]));
    itsAddress().sayFrame(part(0, 0));
    itsAddress().sayFrame(part(2, 1));
    itsAddress().sayFrame(withMac(Buffer.alloc(32), 9_999, forged(boot, number)));
    itsAddress().say(Buffer.of(255, 255, 1));
  }
  const after = () => counts('frame-mac', 'fragment-missing', 'datagram-broken');
  await until(async () => (await after()).every((count, at) => count >= before[at]! + 30));
  await passes(honest, 20);
});

test('nobody gets more bytes than he sent, whatever he says', async () => {
  const key = site.key('mine');
  const body = hello({ device: 'honest' });
  const shortest = withCrc(hello({ device: 'x', boots: [[1, 0, 0, 0]] }));
  const kinds: [what: string, datagrams: Buffer[]][] = [
    ['HELLO, not filled', [datagramOf([shortest])]],
    ['HELLO fifty times in one', [datagramOf(Array.from({ length: 50 }, () => shortest))]],
    ['HELLO fifty times', Array.from({ length: 50 }, () => datagramOf([shortest]))],
    [
      'HELLO of a version that is none',
      [datagramOf([withCrc(items(HELLO, 0, 'x', 0, 254, 1, 0, [], [[1, 0, 0, 0]]))])],
    ],
    ['HELLO that is known to resume', [datagramOf([withCrc(hello({ device: 'mine', flags: 8 }))])]],
    [
      'HELLO and PROOFs under a wrong key',
      Array.from({ length: 9 }, () =>
        datagramOf([withCrc(body), withMac(Buffer.from(key), 1, items(PROOF), { hello: body })]),
      ),
    ],
    ['HELLO, then DATA', [datagramOf([shortest]), datagramOf([withCrc(forged(1))])]],
    ['HELLO, then a frame of a byte', [datagramOf([shortest]), datagramOf([Buffer.of(4)])]],
  ];
  for (const [what, datagrams] of kinds) {
    const address = stranger();
    for (const datagram of datagrams) {
      address.say(datagram);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // One that may be resumed waits for its PROOF, and is not answered.
    if (!what.includes('resume')) await until(() => address.heard.length > 0, { lookMs: 5 });
    const { said, heard } = address.bytes;
    assert.ok(heard <= said, `${what}: ${heard} for ${said}`);
    address.close();
  }
  await isUnmovedBut();
});

test("a flood of HELLOs, by one port and by many of an address: proven devices are served, and another address's gets in", async () => {
  const calmMb = await site.residentMb();
  const one = stranger('127.0.0.3');
  const many = Array.from({ length: 300 }, () => stranger('127.0.0.4'));
  for (let round = 0; round < 100; round++) {
    for (let at = 0; at < 100; at++) {
      one.sayFrame(withCrc(hello({ device: `name-${round}-${at}`, nonce: at })));
    }
    const flooder = many[round * 3]!;
    for (const address of [flooder, many[round * 3 + 1]!, many[round * 3 + 2]!]) {
      address.sayFrame(withCrc(hello({ device: 'honest', nonce: round })));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(async () => (await site.counted('unproven-max')) > 0);
  const late = await site.sense('late');
  await passes(late, 20);
  await isUnmovedBut();
  const answered = many.filter(({ heard }) => heard.length > 0).length;
  assert.ok(answered > 0 && answered <= 10, `${answered} of an address's ports are answered`);
  assert.ok((await site.residentMb()) - calmMb < growthMbMax);
  assert.is(await site.proxy.metric('headwater_devices_connected'), 4);
  assert.ok(await late.finish());
});

/** By forgeries its own address may have changed, but by no word of another. */
async function isUnmovedBut(): Promise<void> {
  await Promise.all([passes(honest, 20), passes(another, 10)]);
  assert.equal(await counts('renumbered', 'boot-ended'), [0, 0]);
}

test('the devices are whole, and nothing forged is in the journal', async () => {
  assert.ok((await honest.finish()) && (await another.finish()));
  const taken = await site.journal();
  for (const { device, sent } of [honest, another]) {
    const seqs = taken.filter((one) => one.device === device).map(({ id }) => id.split('/')[1]);
    assert.equal(seqs, [...sent.keys()].map(String));
  }
  const streams = new Set(taken.map(({ stream }) => stream));
  assert.equal([...streams].sort(), ['climate', 'own']);
  assert.not.ok(
    itsAddress()
      .heard.flatMap(framesIn)
      .every(([type]) => type === RESET),
  );
});

test.run();

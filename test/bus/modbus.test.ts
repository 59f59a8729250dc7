import fs from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spansOf } from '../../examples/serial-gateway/modbus-read.js';
import { modbusMeter } from '../../proxy/lines/modbus-settings.js';
import { meter11, modbusSite } from './modbus-site.js';
import { crcOf, type SimulatedMeter } from './simulated-meter.js';

// Modbus RTU meters beside Headwater drops on one bus: what is in their registers arrives as events of devices of their own.

const test = suite('Modbus meters');
type Site = Awaited<ReturnType<typeof modbusSite>>;
let site: Site;
test.after.each(() => site.end());

const set = ({ registers }: SimulatedMeter, code: number, at: number, ...words: number[]) => {
  for (const [index, word] of words.entries()) registers[code]![at + index] = word;
};

/** A meter at 11 that counts. */
function counting(site: Site): SimulatedMeter {
  const slave = site.slave(11);
  set(slave, 3, 0, 0, 0, 2_301);
  const tick = () => {
    set(slave, 3, 1, (slave.registers[3]![1]! + 1) % 65_536);
    site.scheduler.after(100, tick);
  };
  tick();
  return slave;
}

/** Every event of the drops arrived. */
async function dropsAreThrough(site: Site): Promise<void> {
  await site.run(10_000);
  assert.equal(
    [1, 2].map(site.journaled),
    site.drops.map(({ accepted }) => accepted),
  );
}

const said = (site: Site, what: string) => site.said.filter((line) => line.includes(what)).length;
const reads = (site: Site) => Object.fromEntries(site.meters.all[0]!.reads);

test('values of each type arrive exactly, neighbours read at once', async () => {
  const registers = [
    { name: 'u16', at: 0, type: 'uint16' },
    { name: 'i16', at: 1, type: 'int16' },
    { name: 'u32', at: 2, type: 'uint32' },
    { name: 'i32', at: 4, type: 'int32', wordOrder: 'little' },
    { name: 'f32', at: 6, type: 'float32' },
    { name: 'f32low', at: 8, type: 'float32', wordOrder: 'little' },
    { name: 'volts', at: 10, type: 'uint16', decimals: 1 },
    { name: 'kwh', at: 11, type: 'uint32', decimals: 3 },
    { name: 'cosPhi', at: 13, type: 'int16', decimals: 2 },
    { name: 'hz', at: 14, type: 'float32', decimals: 2 },
    { name: 'broken', at: 16, type: 'float32' },
    { name: 'far', at: 500, type: 'uint16' },
    { name: 'input', kind: 'input', at: 65_535, type: 'uint16' },
    { name: 'relay', kind: 'coil', at: 7, type: 'bool' },
    { name: 'relay9', kind: 'coil', at: 16, type: 'bool' },
    { name: 'door', kind: 'discrete', at: 3, type: 'bool' },
    { name: 'gate', kind: 'discrete', at: 4, type: 'bool' },
  ];
  site = await modbusSite([{ ...meter11, registers }]);
  const slave = site.slave(11);
  set(slave, 3, 0, 65_535, 65_535, 0xffff, 0xfffe, 0x0001, 0x8000, 0x4366, 0x199a);
  // −12345.5 is 0xC640E600; 50.0078125 is 0x42480800; 0x7FC00000 is no number.
  set(slave, 3, 8, 0xe600, 0xc640, 2_307, 0x0012, 0xd687, 0xff9d, 0x4248, 0x0800, 0x7fc0, 0);
  set(slave, 3, 500, 17);
  set(slave, 4, 65_535, 40_000);
  set(slave, 1, 7, 1);
  set(slave, 1, 16, 1);
  set(slave, 2, 3, 0, 1);
  await site.traffic(3);
  const [first] = site.events('meter-11');
  assert.is(first?.topic, 'energy');
  assert.equal(first?.value, {
    ...{ u16: 65_535, i16: -1, u32: 4_294_967_294, i32: -2_147_483_647 },
    ...{ f32: Math.fround(230.1), f32low: -12_345.5, volts: 230.7, kwh: 1_234.567, cosPhi: -0.99 },
    ...{ hz: 50.01, broken: null, far: 17, input: 40_000 },
    ...{ relay: true, relay9: true, door: false, gate: true },
  });
  assert.equal(slave.requests.slice(0, 6), [
    ...['1 at 7 × 1', '1 at 16 × 1', '2 at 3 × 2', '3 at 0 × 18', '3 at 500 × 1'],
    '4 at 65535 × 1',
  ]);
  await dropsAreThrough(site);
});

test('beside two drops: an event for each read, in order, once, with its time; nobody collides', async () => {
  site = await modbusSite();
  const slave = counting(site);
  await site.traffic(30);
  await dropsAreThrough(site);
  const events = site.events('meter-11');
  assert.is(events.length, slave.requests.length);
  assert.ok(events.length >= 40);
  assert.equal(
    events.map(({ id }) => id),
    events.map((_, seq) => `${events[0]!.id.split('/')[0]}/${seq}`),
  );
  assert.ok(events.every(({ time }) => time === 'synced'));
  // The register counts tenths of a second, so it says when it was read.
  const begin = events[0]!.timestampMs;
  for (const { timestampMs, value } of events) {
    assert.ok(Math.abs(timestampMs - begin - 100 * (Number(value.wh) - 1)) < 150);
  }
  assert.is(site.bus.collisions, 0);
  assert.equal(site.said, []);
});

test('at 9600 baud, with an adapter that hears itself and noise before the answer', async () => {
  site = await modbusSite([meter11], { baudRate: 9_600 });
  site.bus.hearsItself = true;
  const slave = counting(site);
  slave.spoil = (answer) => [0xff, 0, ...answer];
  await site.traffic(20);
  await dropsAreThrough(site);
  assert.ok(slave.requests.length >= 20);
  assert.is(site.events('meter-11').length, slave.requests.length);
  assert.equal(reads(site), { ok: slave.requests.length });
});

const exception = [11, 0x83, 2];
const exceptionOfNobody = [11, 0x83, 7];
const oneRegister = [11, 3, 2, 0, 7];
const troubles: [string, string, Partial<SimulatedMeter>][] = [
  ['is silent', 'silent', { spoil: () => [] }],
  ['answers with an exception', 'exception', { spoil: () => [...exception, ...crcOf(exception)] }],
  [
    'answers with an exception whose code Modbus has not',
    'exception',
    { spoil: () => [...exceptionOfNobody, ...crcOf(exceptionOfNobody)] },
  ],
  ['has a wrong CRC', 'crc', { spoil: (answer) => answer.with(4, 99) }],
  ['breaks off', 'silent', { spoil: (answer) => answer.slice(0, 6) }],
  ['answers too late', 'silent', { delayMs: 260 }],
  ['answers for another', 'silent', { spoil: ([, ...rest]) => [12, ...rest] }],
  [
    'answers with another number of registers',
    'wrong-answer',
    { spoil: () => [...oneRegister, ...crcOf(oneRegister)] },
  ],
];
for (const [what, failure, trouble] of troubles) {
  test(`a meter that ${what} makes no event, is said once, and costs the drops nothing`, async () => {
    site = await modbusSite();
    const slave = counting(site);
    const { spoil, delayMs } = slave;
    await site.traffic(5);
    const before = site.events('meter-11').length;
    assert.ok(before >= 4);
    Object.assign(slave, trouble);
    await site.traffic(10);
    await site.run(900);
    const during = site.events('meter-11').length;
    assert.ok(during <= before + 1, `${during - before} events of reads that failed`);
    assert.is(said(site, `modbus-${failure}`), 1);
    assert.is(site.outcomes.counts().get(`modbus-${failure}`), 1);
    const failed = reads(site)[failure]!;
    assert.ok(failed >= 9, `${failed} reads failed`);
    Object.assign(slave, { spoil, delayMs });
    set(slave, 3, 1, 7);
    await site.traffic(5);
    assert.ok(site.events('meter-11').length >= during + 4);
    assert.is(said(site, 'meter meter-11: read again'), 1);
    await dropsAreThrough(site);
    assert.is(site.events('meter-11').length, reads(site).ok);
  });
}

test('of a read that fails is said which registers it asked for', async () => {
  const registers = [
    { name: 'wh', at: 0, type: 'uint32' },
    { name: 'hours', kind: 'input', at: 500, type: 'uint16' },
  ];
  site = await modbusSite([{ ...meter11, registers }]);
  const slave = site.slave(11);
  set(slave, 3, 0, 0, 7);
  await site.run(3_000);
  assert.is(site.whys.length, 1);
  assert.match(site.whys[0]!, /^input 500: ModbusException: ILLEGAL DATA ADDRESS/);
  slave.spoil = () => [];
  await site.run(3_000);
  assert.equal(site.whys.slice(1), ['holding 0 to 1: Req timed out']);
});

test('two meters, one of them not there: the other is read all the same', async () => {
  const other = { ...meter11, address: 12, device: 'meter-12' };
  site = await modbusSite([meter11, other]);
  set(site.slave(12), 3, 0, 0, 5, 2_299);
  await site.traffic(10);
  await dropsAreThrough(site);
  assert.is(site.events('meter-11').length, 0);
  assert.ok(site.events('meter-12').length >= 19);
  assert.equal(site.events('meter-12')[0]!.value, { wh: 5, volts: 229.9 });
});

test('one that fails at every other read fills no log', async () => {
  site = await modbusSite([{ ...meter11, everyMs: 100 }]);
  const slave = counting(site);
  slave.spoil = (answer) => (slave.requests.length % 2 === 0 ? answer : answer.with(4, 99));
  await site.run(60_000);
  slave.spoil = (answer) => answer;
  await site.run(1_000);
  assert.ok(reads(site).crc! > 200);
  assert.equal(site.said, ['modbus-crc 11', 'meter meter-11: read again']);
});

test('of meters that go silent together each is said by its name', async () => {
  const others = [12, 13].map((address) => ({ ...meter11, address, device: `meter-${address}` }));
  site = await modbusSite([meter11, ...others]);
  await site.run(5_000);
  const silent = [11, 12, 13].map((address) => `modbus-silent ${address}`);
  assert.equal(site.said.filter((line) => line.startsWith('modbus-')).sort(), silent);
});

test('more silent meters than there is time for hold up no drop', async () => {
  const meters = Array.from({ length: 20 }, (_, at) => ({
    ...{ ...meter11, address: 11 + at, device: `meter-${11 + at}`, everyMs: 200 },
  }));
  site = await modbusSite(meters);
  await site.traffic(20);
  await dropsAreThrough(site);
  assert.ok(site.meters.all.every(({ reads }) => reads.get('silent')! > 3));
});

test('a round that takes long holds up no meter', async () => {
  site = await modbusSite([{ ...meter11, everyMs: 100 }], { bus: { roundMs: 10_000 } });
  const slave = counting(site);
  await site.run(10_000);
  assert.ok(slave.requests.length > 90, `${slave.requests.length} reads`);
});

test('a line that is lost ends the reads, and one that comes back goes on with them', async () => {
  site = await modbusSite();
  const slave = counting(site);
  await site.run(5_500);
  // Between two reads, and while one waits for the bus.
  for (const waitMs of [0, 501]) {
    await site.run(waitMs);
    site.lose();
    await site.run(2_000);
    const asked = slave.requests.length;
    await site.run(20_000);
    assert.is(slave.requests.length, asked);
    site.reopen();
    await site.run(20_000);
    assert.ok(slave.requests.length >= asked + 18);
  }
  assert.is(site.events('meter-11').length, reads(site).ok);
});

test('a read that was due while the line was away is made when it is back', async () => {
  site = await modbusSite([{ ...meter11, everyMs: 60_000 }]);
  const slave = counting(site);
  await site.run(59_000);
  assert.is(slave.requests.length, 1);
  site.lose();
  await site.run(3_000);
  site.reopen();
  await site.run(1_000);
  assert.is(slave.requests.length, 2);
  await site.run(56_000);
  assert.is(slave.requests.length, 2);
  await site.run(2_000);
  assert.is(slave.requests.length, 3, 'at its own pace again');
  // Away and back between two: nothing was due.
  site.lose();
  await site.run(1_000);
  site.reopen();
  await site.run(1_000);
  assert.is(slave.requests.length, 3);
});

test('a line that is lost while an answer is awaited says nothing of the meter', async () => {
  site = await modbusSite();
  const slave = counting(site);
  slave.delayMs = 100;
  await site.run(3_000);
  const asked = slave.requests.length;
  while (slave.requests.length === asked) await site.run(1);
  site.lose();
  await site.run(5_000);
  assert.equal(reads(site), { ok: asked });
  assert.is(said(site, 'modbus-'), 0);
});

test('the proxy away, and the gateway killed twice meanwhile: all arrives, once, in order, with its time', async () => {
  site = await modbusSite();
  const slave = counting(site);
  await site.run(5_500);
  site.setAway(true);
  await site.run(20_000);
  await site.restart();
  await site.run(20_000);
  await site.restart();
  await site.run(20_000);
  const asked = slave.requests.length;
  assert.ok(site.events('meter-11').length <= 7);
  site.setAway(false);
  await site.run(60_000);
  const all = site.events('meter-11');
  const events = all.filter(({ topic }) => topic === 'energy');
  assert.ok(asked >= 60);
  // A read that was under way when it was killed was not accepted.
  assert.ok(events.length >= slave.requests.length - 2);
  const values = events.map(({ value }) => Number(value.wh));
  const times = events.map(({ timestampMs }) => timestampMs);
  assert.equal(
    values,
    [...new Set(values)].sort((a, b) => a - b),
  );
  for (const [index, value] of values.entries()) {
    assert.ok(Math.abs(times[index]! - times[0]! - 100 * (value - values[0]!)) < 150);
  }
  // What the proxy says of every boot that ended: nobody knows of more, and nothing before it is lost.
  const lost = all.filter(({ topic }) => topic === '(lost)').map(({ value }) => value.reason);
  assert.equal(lost, ['tail-unknown', 'tail-unknown']);
  assert.ok(events.every(({ time }) => time === 'synced' || time === 'estimated'));
  assert.is(new Set(events.map(({ id }) => id.split('/')[0])).size, 3);
});

test('a store has its place on the disk from the beginning', async () => {
  site = await modbusSite();
  const { size, blocks } = fs.statSync(join(site.folder, 'meter-11.events'));
  assert.is(size, 65_536);
  assert.ok(512 * blocks >= size, `${blocks} blocks`);
});

test('a machine whose clock is put right while the proxy is away: what is read from then on has its time', async () => {
  site = await modbusSite();
  const slave = counting(site);
  site.setAway(true);
  const { nowMs } = site.clock;
  const begin = nowMs();
  site.clock.nowMs = () => nowMs() - 7_200_000;
  await site.restart();
  await site.run(10_500);
  site.clock.nowMs = nowMs;
  const atJump = slave.registers[3]![1]!;
  await site.run(10_000);
  await site.restart();
  site.setAway(false);
  await site.run(60_000);
  const events = site.events('meter-11').filter(({ topic }) => topic === 'energy');
  const [boot] = [...new Set(events.map(({ id }) => id.split('/')[0]))];
  const late = events.filter(
    ({ id, value }) => id.startsWith(`${boot}/`) && Number(value.wh) > atJump,
  );
  assert.ok(late.length >= 9, `${late.length} events`);
  for (const { timestampMs, value } of late) {
    assert.ok(Math.abs(timestampMs - begin - 100 * (Number(value.wh) - 1)) < 500);
  }
});

test('a disk that fails ends that meter, is said, and the drops go on', async () => {
  site = await modbusSite();
  counting(site);
  await site.traffic(3);
  const { writeSync } = fs;
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  fs.writeSync = () => {
    throw full;
  };
  try {
    await site.traffic(3);
  } finally {
    fs.writeSync = writeSync;
  }
  assert.is(site.outcomes.counts().get('modbus-store-failed'), 1);
  assert.ok(site.meters.all[0]!.hasFailed);
  const held = site.events('meter-11').length;
  await site.traffic(3);
  await dropsAreThrough(site);
  assert.is(site.events('meter-11').length, held);
});

test('neighbours are one request, and nothing is read that nobody named', () => {
  const registers = [
    ...Array.from({ length: 26 }, (_, at) => ({ name: `a${at}`, at: 10 + 2 * at, type: 'uint32' })),
    { name: 'within', at: 11, type: 'uint16' },
    { name: 'gap', at: 63, type: 'uint16' },
    { name: 'bit', kind: 'coil', at: 62, type: 'bool' },
  ];
  const parsed = modbusMeter.parse({ ...meter11, registers });
  const spans = spansOf(parsed.registers).map(({ kind, at, count }) => `${kind} ${at} × ${count}`);
  assert.equal(spans, ['coil 62 × 1', 'holding 10 × 52', 'holding 63 × 1']);
});

test.run();

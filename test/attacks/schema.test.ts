// A malicious schema: a device that has its key, and declares and says what no firmware of ours would. Nothing of it reaches another device, breaks the
// proxy, controls a terminal or runs in a browser ([W-13] to [W-15], [W-20]).

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { passes } from '../site/line-scene.js';
import { runHeadwater } from '../site/proxy-process.js';
import type { Sensor } from '../site/sensor.js';
import { until } from '../site/until.js';
import {
  ACK,
  cobs,
  DATA,
  data,
  emptyTable,
  greet,
  hello,
  items,
  TABLE,
  tableIdOf,
  WELCOME,
  type Writer,
  withCrc,
} from './attacker.js';
import { Attacked } from './scene.js';

const test = suite('a malicious schema');
let site: Attacked;
let honest: Sensor;
let nonce = 1;

test.before(async () => {
  site = await Attacked.start('schema', {
    devices: ['evil', 'esc', 'many'],
    limits: { tablesPerDeviceMax: 20 },
  });
  honest = await site.honest();
});
test.after(() => site.end());

let last: Writer | null = null;

/** One at a time: two of one name would be held apart. */
async function evil(tables: string[], device = 'evil'): Promise<Writer> {
  last?.attacker.end();
  await until(async () => (await site.proxy.metric('headwater_devices_connected')) === 1);
  const writer = await greet(await site.dial(), site.key(device), {
    ...{ device, tables, nonce: nonce++, boots: [[nonce + 100, 0, 4_000_000, 0]] },
  });
  assert.ok(writer);
  last = writer;
  return writer;
}

const described = (index: number, stream: number, ...all: (string | number)[]) =>
  Buffer.concat([items(TABLE, index, stream), items(...all)]);
const hostileText = '\x1b]0;owned\x07\x1b[2J\u009b31m\u202e';

/** Streams with fields, each a TABLE's description; what the proxy counted of it. */
const refused: [what: string, streams: (string | number)[][], outcome: string][] = [
  ['a stream with a newline', [['a\nb', 'x', 0]], 'table-malformed'],
  ['a stream with an escape sequence', [[hostileText, 'x', 0]], 'table-malformed'],
  ['a stream in another alphabet', [['клімат', 'x', 0]], 'table-malformed'],
  ['a stream that climbs folders', [['../../etc/passwd', 'x', 0]], 'table-malformed'],
  ['a field with a control character', [['s', '\x1b[2J', 0]], 'table-malformed'],
  ['a field with C1', [['s', '\u009b31m', 0]], 'table-malformed'],
  ['a field twice', [['s', '__proto__', 0, '__proto__', 0]], 'table-malformed'],
  ['a type that is none', [['s', 'x', 12]], 'table-malformed'],
  [
    '33 fields',
    [['s', ...Array.from({ length: 33 }, (_, at) => [`f${at}`, 0]).flat()]],
    'table-malformed',
  ],
];

for (const [what, streams, outcome] of refused) {
  test(`${what}: counted, and the table is none`, async () => {
    const before = await site.counted(outcome);
    const bytes = Buffer.concat(streams.map((stream) => items(...stream)));
    const writer = await evil([tableIdOf(bytes)]);
    for (const [at, stream] of streams.entries()) writer.write(described(0, at, ...stream));
    writer.write(Buffer.concat([items(DATA, writer.boot, 2_000, 0, 0, 1), items(1_000, 0, 1)]));
    await until(async () => (await site.counted(outcome)) > before);
    await site.nothingForged();
  });
}

test("bytes under another table's id, and a table beyond its size: never whole", async () => {
  const before = await site.counted('table-wrong-id');
  const writer = await evil([tableIdOf(items('climate', 't', 2, 'rh', 2))]);
  for (let stream = 0; stream < 64; stream++) {
    writer.write(described(0, stream, `s${stream}`, 'x'.repeat(60), 0, 'y'.repeat(60), 0));
  }
  await until(async () => (await site.counted('table-wrong-id')) > before);
  await site.nothingForged();
});

test('names that are words of JavaScript or HTML are names: as they were, in JSON and in /metrics', async () => {
  const fields = ['__proto__', 'constructor', 'toString', '<script>alert(1)</script>', '"}', '\\'];
  const streams = ['constructor', '__proto__', 'hasOwnProperty'];
  const parts = streams.map((stream) => [stream, ...fields.flatMap((name) => [name, 0])]);
  const bytes = Buffer.concat(parts.map((part) => items(...part)));
  const writer = await evil([tableIdOf(bytes)]);
  for (const [at, part] of parts.entries()) writer.write(described(0, at, ...part));
  const block = items(1_000, 0, 1, 2, 3, 4, 5, 6, 1, 1, 2, 3, 4, 5, 6, 2, 1, 2, 3, 4, 5, 6);
  writer.write(Buffer.concat([items(DATA, writer.boot, 2_000, 0, 0, 3), block]));
  assert.ok(await writer.attacker.next(ACK));
  const mine = (await site.journal()).filter(({ device }) => device === 'evil');
  assert.equal(
    mine.map(({ stream }) => stream),
    streams,
  );
  for (const { value } of mine) assert.equal(Object.keys(value as object), fields);
  const page = await fetch(`http://127.0.0.1:${site.proxy.httpPort}/metrics`);
  assert.match(page.headers.get('content-type') ?? '', /^text\/plain/);
  assert.not.match(await page.text(), /<script>/);
});

test('undeclared values: depth bombs, lengths beyond the frame, tags, keys twice: lost as undecodable, and counted', async () => {
  const writer = await evil([emptyTable]);
  const bombs = [
    Buffer.alloc(900, 0x81),
    Buffer.alloc(900, 0xa1),
    Buffer.from('9bffffffffffffffff', 'hex'),
    Buffer.from('bbffffffffffffffff', 'hex'),
    Buffer.from('5b7fffffffffffffff', 'hex'),
    Buffer.from('9affffffff', 'hex'),
    Buffer.from('7fff', 'hex'),
    Buffer.from('c249010000000000000000', 'hex'),
    Buffer.from('a2616101616102', 'hex'),
    Buffer.from('62c328', 'hex'),
  ];
  for (const [seq, bomb] of bombs.entries()) writer.write(data(writer.boot, seq, [['bomb', bomb]]));
  await until(
    async () => (await site.proxy.metric('headwater_events_rejected_total')) === bombs.length,
  );
  const mine = (await site.journal()).filter(({ stream }) => stream === 'bomb');
  assert.equal(mine, []);
});

test('text that controls a terminal reaches none: tail, its --json, device list, the log', async () => {
  const writer = await evil([emptyTable], 'esc');
  const value = new Map([[hostileText, hostileText]]);
  writer.write(data(writer.boot, 0, [['esc', items(value)]]));
  assert.ok(await writer.attacker.next(ACK));
  const stranger = await site.dial();
  for (const device of [hostileText, 'клімат', 'a\nb', '']) stranger.say(hello({ device }));
  await until(async () => (await site.counted('malformed-hello')) >= 4);
  const tail = ['tail', '-c', site.site.config, '--no-follow'];
  const outputs = [
    (await runHeadwater(tail)).output,
    (await runHeadwater([...tail, '--json'])).output,
    (await site.device('list')).output,
    site.proxy.log.map((line) => Object.values(line).join(' ')).join('\n'),
  ];
  for (const output of outputs) assert.not.match(output, controls);
  const back = (await site.journal()).find(({ device }) => device === 'esc')?.value;
  assert.equal(back, { [hostileText]: hostileText });
});

test('headwater monitor: an escape sequence where a number is meant is shown, not sent', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-attacks-'));
  site.scene.add(folder, (folder) => rm(folder, { recursive: true, force: true }));
  const bodies = [
    items(WELCOME, hostileText, hostileText, hostileText, 0, hostileText, 1, 0, 0, null, []),
    items(ACK, hostileText, new Map([[hostileText, hostileText]]), hostileText, 1),
    items(6, hostileText, hostileText),
    items(11, hostileText, [hostileText]),
    items(12, hostileText, 1),
    hello({ device: hostileText }),
    hello({ device: 'esc', tables: [emptyTable] }),
    data(1, 0, [['esc', items(hostileText)]]),
    data(1, 0, [['esc', items(new Map([[hostileText, hostileText]]))]]),
    data(1, 0, [[hostileText, items(1)]]),
    described(0, 0, hostileText, hostileText, 0),
  ];
  const lines = bodies.map((body) =>
    JSON.stringify({ ms: 1, hex: cobs(withCrc(body)).toString('hex') }),
  );
  const capture = join(folder, 'capture');
  const first = JSON.stringify({ capture: 1, path: '/dev/x', baudRate: 9_600, startedAt: '' });
  await writeFile(capture, `${[first, ...lines].join('\n')}\n`);
  for (const json of [[], ['--json']]) {
    const { output, code } = await runHeadwater(['monitor', '--read', capture, ...json]);
    assert.is(code, 0);
    assert.ok(output.split('\n').length > bodies.length);
    assert.not.match(output, controls);
  }
});

test('tables without end: as many as a device may have, sixteen in a HELLO, and the next is refused', async () => {
  const all = Array.from({ length: 32 }, (_, at) => items(`s${at}`, 'x', 0));
  for (const some of [all.slice(0, 16), all.slice(16)]) {
    const writer = await evil(some.map(tableIdOf), 'many');
    for (const [at, bytes] of some.entries()) {
      writer.write(Buffer.concat([items(TABLE, at, 0), bytes]));
    }
    await passes(honest, 10);
  }
  assert.is(await site.counted('tables-max'), 12);
});

test('the device beside is whole', async () => {
  assert.ok(await honest.finish());
  const taken = (await site.journal()).filter(({ device }) => device === 'honest');
  assert.is(taken.length, honest.sent.size);
});

/** But the ends of lines. */
const controls = /(?!\n)[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

test.run();

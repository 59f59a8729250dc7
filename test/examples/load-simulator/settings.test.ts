// What a person writes on the command line and in a CSV: what it comes to, and what is said where it is wrong.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readSettings, type SimulateOptions } from '../../../examples/load-simulator/settings.js';

const test = suite('load simulator: settings');
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-simulate-'));
});
test.after(() => rm(folder, { recursive: true, force: true }));

const given = (options: Partial<SimulateOptions>) =>
  readSettings({
    ...{ seed: '1', stream: 'simulated', name: 'sim-', linger: '1s', patience: '30s' },
    ...{ proof: false, ...options },
  });

async function complaint(options: Partial<SimulateOptions>): Promise<string> {
  const error = await given(options).then(
    () => null,
    (error: Error) => error,
  );
  assert.is(error?.name, 'ConfigError', `${error?.stack}`);
  return error!.message;
}

async function csv(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

test('unless told: 10 devices, an event a second each, 30 s', async () => {
  const { devices, rate, durationMs, bufferBytes, proxy } = await given({});
  assert.equal(
    { devices, rate, durationMs, bufferBytes, proxy },
    {
      ...{ devices: 10, rate: 10, durationMs: 30_000, bufferBytes: 2_048 },
      proxy: { host: '127.0.0.1', port: 4510 },
    },
  );
});

test('mistakes are told with the option and what to write', async () => {
  assert.match(await complaint({ devices: '10001' }), /--devices 10001: .* from 1 to 10,000/);
  assert.match(
    await complaint({ rate: 'fast' }),
    /--rate fast: expected events per second, up to 10,000,000, or max/,
  );
  assert.match(await complaint({ duration: '10' }), /--duration 10: .* as 500ms, 30s, 5m, 2h/);
  assert.match(
    await complaint({ shape: 'wild' }),
    /--shape wild: expected steady, bursts, power-cut/,
  );
  assert.match(await complaint({ with: ['melt:every=1s,for=1s'] }), /melt is none of cut, stall/);
  assert.match(await complaint({ with: ['cut:every=1s'] }), /cut:every=30s,for=5s/);
  assert.match(await complaint({ with: ['cut:every=1s,for=2s'] }), /every must be longer than for/);
  assert.match(
    await complaint({ with: ['cut:every=9s,for=2s,share=2'] }),
    /share=2: expected a share/,
  );
  assert.match(
    await complaint({ with: ['cut:every=9s,for=2s,bytes=2'] }),
    /cut takes every, for, share/,
  );
  assert.match(
    await complaint({ proof: true }),
    /--config site.yaml, or --brokers .* or --no-proof/,
  );
  for (const rate of ['Infinity', '1e9', '0x10', '10000001', '0', '-1']) {
    assert.match(
      await complaint({ rate }),
      /--rate .*: expected events per second, up to 10,000,000/,
    );
  }
  for (const proxy of ['a', 'a:0', 'a:99999']) {
    assert.match(await complaint({ proxy }), /--proxy .*: expected host:port, with a port from 1/);
  }
  assert.match(
    await complaint({ proof: true, brokers: 'foo' }),
    /--brokers foo: expected host:port/,
  );
  for (const stream of ['', 'a b', 'headwater.loss', '..', 'x'.repeat(65)]) {
    assert.match(await complaint({ stream }), /--stream .*: expected 1 to 64 of letters/);
  }
  assert.match(
    await complaint({ name: 'ä' }),
    /--name ä: a device would be called "ä01"; expected/,
  );
  assert.match(await complaint({ name: 'x'.repeat(63) }), /expected 1 to 64 characters of ASCII/);
  assert.match(await complaint({ speed: '3' }), /--speed: goes with --trace/);
  assert.match(
    await complaint({ proxyPid: '4194305' }),
    /--proxy-pid .*: there is no such process/,
  );
  assert.match(await complaint({ with: ['skew:ppm=1', 'skew:ppm=2'] }), /--with skew: once/);
  assert.match(await complaint({ with: ['cut:every=9s,for=1s,for=2s'] }), /for is said twice/);
  assert.match(
    await complaint({ proof: true, brokers: 'a:1' }),
    /--prefix: what the proxy sets before/,
  );
});

test("the motes' readings are four devices', with no time of the file's own needed", async () => {
  const { workload, devices, rate } = await given({ trace: 'motes' });
  assert.is(devices, 4);
  assert.is(rate, null);
  assert.equal(workload.names, ['mote-1', 'mote-2', 'mote-3', 'mote-4']);
  assert.equal(workload.values(0, 0, 0), { t: 27.97, rh: 45.93 });
  assert.is(workload.timeMs!(0, 2), 10_000);
  const all = [0, 1, 2, 3].reduce((sum, index) => sum + workload.rows!(index), 0);
  assert.is(all, 18_914);
});

test('more devices than the trace has play its tracks again, under names of their own', async () => {
  const { workload } = await given({ trace: 'motes', devices: '6' });
  assert.equal(workload.names!.slice(3), ['mote-4', 'mote-1-2', 'mote-2-2']);
  assert.equal(workload.values(5, 0, 7), workload.values(1, 0, 7));
});

test("a user's CSV: quoted cells, absent values, every type, times of its own", async () => {
  const file = await csv(
    'good.csv',
    '﻿"when","who","temp °C",count,door,note\n' +
      '2026-01-01T00:00:00Z,a,1.26,40,true,"says ""hi"""\n' +
      '2026-01-01T00:00:01.500Z,b,-2.55,,no,\n' +
      '2026-01-01T00:00:02Z,a,,41,0,x\n',
  );
  const { workload, devices } = await given({
    trace: file,
    columns: 'time=when,device=who,t=temp °C:fixed1,n=count:uint,d=door:bool,s=note:text',
  });
  assert.is(devices, 2);
  assert.equal(workload.values(0, 0, 0), { t: 1.3, n: 40, d: true, s: 'says "hi"' });
  assert.equal(workload.values(1, 0, 0), { t: -2.5, n: null, d: false, s: null });
  assert.equal(
    [workload.timeMs!(0, 0), workload.timeMs!(1, 0), workload.timeMs!(0, 1)],
    [0, 1500, 2000],
  );
});

test('values are rounded as the SDK rounds them', async () => {
  const file = await csv('rounded.csv', 'x\n1.26\n-2.55\n7\n');
  const { workload } = await given({ trace: file, columns: 'v=x:fixed1', rate: '5' });
  assert.equal(
    [0, 1, 2].map((row) => workload.values(0, 0, row).v),
    [1.3, -2.5, 7],
  );
});

test("a CSV's mistakes name file, line and column, and what to do", async () => {
  const columns = 'time=when,device=who,t=temp:fixed1';
  const value = (type: string, text: string) => of(`x\n${text}\n`, `v=x:${type}`);
  const of = async (text: string, map: string | undefined = columns) =>
    complaint({
      trace: await csv('bad.csv', text),
      ...(map === undefined ? {} : { columns: map }),
    });
  const head = 'when,who,temp\n';
  const row = '2026-01-01T00:00:05Z,a,1\n';
  assert.match(
    await of(`${head}${row}2026-01-01T00:00:06Z,a,warm\n`),
    /bad\.csv:3: column temp: "warm" is no number; leave/,
  );
  assert.match(
    await of(`${head}${row}2026-01-01T00:00:01Z,a,1\n`),
    /bad\.csv:3: column when: .* sort the file by time/,
  );
  assert.match(
    await of(`${head}yesterday,a,1\n`),
    /bad\.csv:2: column when: "yesterday" is no time/,
  );
  assert.match(
    await of(`${head}2026-01-01T00:00:05Z,räum,1\n`),
    /bad\.csv:2: column who: .* printable ASCII/,
  );
  assert.match(await of(`${head}2026-01-01T00:00:05Z,a\n`), /bad\.csv:2: .*comma separated/);
  assert.match(
    await value('uint', '-5'),
    /bad\.csv:2: column x: "-5" does not fit uint; leave the cell empty/,
  );
  assert.match(await value('fixed9', '9e9'), /does not fit fixed9/);
  assert.match(await value('int', '1.5'), /is no whole number; as fixed2/);
  assert.match(await value('bool', 'maybe'), /neither true nor false/);
  assert.match(await of(`${head}`), /no rows below the header/);
  assert.match(
    await of(`${head}${row}`, 'time=when,t=tmp:fixed1'),
    /no column "tmp"; it has when, who, temp/,
  );
  assert.match(
    await of(`${head}${row}`, 'time=when,t=temp:number'),
    /its type behind a colon, of fixed0/,
  );
  assert.match(await of(`${head}${row}`, 't=temp:fixed1'), /which column is the time\?.*--rate/);
  assert.match(await of(`${head}${row}`, 'time=when,t=who:uint'), /"a" is no number/);
  assert.match(
    await complaint({ trace: join(folder, 'none.csv'), columns }),
    /no such file; --trace motes/,
  );
  assert.match(
    await complaint({ trace: await csv('head.csv', head + row) }),
    /--columns: which of .*it has when, who, temp/,
  );
});

test.run();

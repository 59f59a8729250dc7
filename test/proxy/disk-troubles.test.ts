// A proxy whose disk refuses: it stops acknowledging, stays up, says so once in the log, at /readyz and in the
// metrics, and goes on by itself. The built proxy on a small tmpfs where this machine lets us mount one;
// errors that no disk here gives come through the io seam, into a pipeline in this process.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemClock } from '../../proxy/clock.js';
import { readConfig } from '../../proxy/config.js';
import type { Disk, DiskFile } from '../../proxy/disk.js';
import { nodeDisk } from '../../proxy/disk-node.js';
import { startPipeline } from '../../proxy/pipeline.js';
import { books } from '../site/judge.js';
import { startProxy } from '../site/proxy-process.js';
import { startFlood, startSensor } from '../site/sensor.js';
import { makeSite } from '../site/site.js';
import { until } from '../site/until.js';

const run = promisify(execFile);
const mebibyte = 1 << 20;

async function readiness(port: number): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

/** Null, with the reason printed, where this user may not mount. */
async function smallDisk(): Promise<{ folder: string; remove(): Promise<void> } | null> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-small-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    console.log(`skipped: no small disk can be mounted here (${String(error).split('\n')[0]})`);
    return null;
  }
  return {
    folder,
    async remove() {
      await run('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
}

test('a disk that another fills: no acks while it is full, and on when there is room', async () => {
  const small = await smallDisk();
  if (small === null) return;
  const folder = join(small.folder, 'journal');
  const journal = { folder, bytesMax: '1 GiB', segmentBytes: '256 KiB' };
  const site = await makeSite({ bootstrap: null, label: 'full', overrides: { journal } });
  const filler = join(small.folder, 'of-another');
  await writeFile(filler, Buffer.alloc(4 * mebibyte));
  const proxy = await startProxy(site.config);
  const sensor = await startFlood({ port: proxy.tcpPort });
  try {
    await until(async () => (await readiness(proxy.httpPort)).status === 503);
    const { text } = await readiness(proxy.httpPort);
    assert.match(
      text,
      /writing failed \(.*no space left.*\); nothing is acknowledged until it works/i,
    );
    assert.is(await proxy.metric('headwater_journal_trouble', 'kind="no-space"'), 1);
    assert.is(await proxy.metric('headwater_journal_writable'), 0);
    assert.ok((await proxy.metric('headwater_journal_failures_total', 'code="ENOSPC"'))! >= 1);
    const before = sensor.acknowledged();
    assert.ok(before > 0);
    // Some tries of the journal's later.
    await until(async () => (await proxy.metric('process_cpu_seconds_total'))! > 0, {
      lookMs: 500,
    });
    assert.is(sensor.acknowledged(), before);
    const said = () =>
      proxy.said().filter((line) => line.startsWith('the journal takes no events'));
    assert.is(said().length, 1, said().join('\n'));

    await rm(filler);
    await until(() => sensor.acknowledged() > before);
    assert.is((await readiness(proxy.httpPort)).status, 200);
    assert.ok(proxy.log.some(({ msg }) => msg === 'the journal takes events again'));
    assert.is(await proxy.metric('headwater_journal_trouble'), 0);
    assert.ok(await sensor.finish());
    assert.is(await proxy.stop(), 0);
    assert.is(books(proxy).received, sensor.sent.size);
  } finally {
    sensor.stop();
    await proxy.kill();
    await site.remove();
    await small.remove();
  }
});

/** The real disk; `refuse` says which call to a segment fails, and how. */
function faulty(refuse: { call: 'write' | 'sync' | null; code: string }): Disk {
  const disk = nodeDisk();
  const calls = new Map<string, number>();
  const through = (path: string, file: DiskFile): DiskFile => ({
    ...file,
    write: (position, bytes) => guarded(path, 'write', () => file.write(position, bytes)),
    sync: () => guarded(path, 'sync', () => file.sync()),
  });
  function guarded(path: string, call: 'write' | 'sync', work: () => Promise<void>) {
    // A segment may be begun: it is the groups that fail.
    const count = (calls.get(path) ?? 0) + 1;
    calls.set(path, count);
    const fails = refuse.call === call && count > 2 && path.endsWith('.segment');
    return fails ? Promise.reject(Object.assign(new Error(refuse.code), refuse)) : work();
  }
  return {
    ...disk,
    create: async (path) => through(path, await disk.create(path)),
    open: async (path, mode) => through(path, await disk.open(path, mode)),
  };
}

for (const [call, code] of [
  ['write', 'EIO'],
  ['sync', 'EIO'],
  ['write', 'EDQUOT'],
] as const) {
  test(`${code} on ${call}: no acks, one line, and on by itself when it is over`, async () => {
    const site = await makeSite({ bootstrap: null, label: 'eio' });
    const refuse: { call: 'write' | 'sync' | null; code: string } = { call: null, code };
    const lines: string[] = [];
    const note = (_fields: object, text: string) => void lines.push(text);
    const pipeline = await startPipeline({
      config: await readConfig(site.config),
      ...{ clock: systemClock(), disk: faulty(refuse), host: 'test' },
      log: { debug() {}, info: note, warn: note, error: note },
      startLane() {
        throw new Error('there is no Kafka');
      },
    });
    const sensor = await startSensor({ port: pipeline.tcpPort! });
    try {
      await until(() => sensor.acknowledged() > 5);
      refuse.call = call;
      await until(async () => (await readiness(pipeline.httpPort)).status === 503);
      const before = sensor.acknowledged();
      const failures = async () => {
        const page = await (await fetch(`http://127.0.0.1:${pipeline.httpPort}/metrics`)).text();
        const label = `headwater_journal_failures_total{code="${code}"}`;
        return Number(
          page
            .split('\n')
            .find((line) => line.startsWith(label))
            ?.split(' ')[1],
        );
      };
      // A new segment each time, and each time its first group fails.
      await until(async () => (await failures()) >= 3);
      assert.is(sensor.acknowledged(), before);
      assert.is(lines.filter((line) => line.startsWith('the journal takes no')).length, 1);
      refuse.call = null;
      await until(() => sensor.acknowledged() > before);
      assert.ok(lines.includes('the journal takes events again'));
      assert.ok(await sensor.finish());
      const balance = await pipeline.stop();
      assert.ok(balance.balanced);
      assert.is(balance.received, sensor.sent.size);
    } finally {
      sensor.stop();
      await pipeline.stop().catch(() => {});
      await site.remove();
    }
  });
}

test.run();

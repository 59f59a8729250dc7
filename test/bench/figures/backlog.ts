// A journal full of events that Kafka does not have: how soon its proxy acknowledges, how fast it drains with live traffic beside, and in
// how much memory.

import { mkdtemp, open, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBooks } from '../../../proxy/books.js';
import { systemClock } from '../../../proxy/clock.js';
import { openJournal } from '../../../proxy/journal/journal.js';
import type { BlockRecord } from '../../../proxy/journal/record.js';
import { until } from '../../site/until.js';
import { benchProxy } from '../bench-proxy.js';
import { startChild } from '../child.js';
import { blockOf, table, tableBytes } from '../device-frames.js';
import type { DiskMessage } from '../disk.js';
import { settled } from '../journal-open-blocks.js';
import { LoadDevice } from '../load-device.js';
import type { PaceMessage } from '../pace.js';
import { watchResident } from '../process-cost.js';
import { unsyncedDisk } from '../unsynced-disk.js';
import { type Figure, median, percentile, type Scene, spread, values } from './figure.js';
import { throughputOfProxy } from './throughput.js';

const devices = 1_000;
const blockEvents = 20;
/** Drained while it is watched; behind them blocks that make the journal as large as it is to be. */
const drainedEvents = 5_000_000;
const bulkBytes = 65_536;
const watchSeconds = 20;
const liveRate = 1_000;
const boot = 1_764_000_000;

async function fill(folder: string, bytes: number, bytesMax: number): Promise<void> {
  const journal = await openJournal({
    ...{ folder, disk: unsyncedDisk(), clock: systemClock(), books: createBooks(), bytesMax },
  });
  const name = (n: number) => `old-${n % devices}`;
  const next = new Map<string, number>();
  const nowMs = Date.now();
  const append = async (device: string, count: number, content: Uint8Array) => {
    const from = next.get(device) ?? 0;
    const record: BlockRecord = {
      ...{ kind: 'block', device, boot, first: from, count, from, table, bytes: content },
      ...{ arrivalMs: nowMs, offsetMs: nowMs, lastTimeMs: nowMs, quality: 'synced' },
    };
    while (!journal.append(record)) await settled(journal);
    next.set(device, from + count);
  };
  for (let n = 0; n < devices; n++) {
    while (!journal.append({ kind: 'table', device: name(n), id: table, bytes: tableBytes })) {
      await settled(journal);
    }
  }
  for (let n = 0; n < drainedEvents / blockEvents; n++) {
    const first = Math.floor(n / devices) * blockEvents;
    await append(name(n), blockEvents, Uint8Array.from(blockOf(first, blockEvents)));
  }
  const bulk = new Uint8Array(bulkBytes).fill(7);
  for (let n = 0; journal.syncedEnd + journal.pendingBytes < bytes; n++) {
    await append(name(n), 1, bulk);
  }
  if (journal.pendingBytes > 0) await settled(journal);
  await journal.close();
}

/** What no disk has yet would go there while it is measured. */
async function syncAll(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.segment')) continue;
    const file = await open(join(folder, name), 'r+');
    await file.sync();
    await file.close();
  }
}

export const backlog: Figure = {
  name: 'backlog',
  about: `a journal of --backlog bytes that Kafka has nothing of, ${devices} devices, ${liveRate} live events/s beside`,
  async measure(scene: Scene) {
    const { bootstrap, backlogBytes } = scene;
    const folder = await mkdtemp(join(tmpdir(), 'headwater-backlog-'));
    const { bavail, bsize } = await statfs(folder);
    const bytesMax = Math.ceil(backlogBytes * 1.1) + 2e9;
    if (bavail * bsize < bytesMax) throw new Error(`${folder} has no room for ${bytesMax} bytes`);
    try {
      scene.say(`making a journal of ${(backlogBytes / 1e9).toFixed(1)} GB`);
      await fill(folder, backlogBytes, bytesMax);
      await syncAll(folder);
      // The rate beside which it is to be seen, in the same minute.
      const steady = await throughputOfProxy(scene, { delivery: 'exactly-once' });
      const drained = await drain(bootstrap, folder, bytesMax);
      return { ...drained, steady: steady.perSecond };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  lines(samples) {
    const of = (name: string, digits?: number) => spread(values(samples, name), digits);
    const middle = (name: string) => median(values(samples, name));
    const share = middle('drained') / middle('steady');
    return [
      {
        what: 'ms from start to first ACK',
        measured: of('firstAckMs'),
        reference: '',
        goal: '< 2,000',
        isMet: middle('firstAckMs') < 2_000,
      },
      {
        what: 'events/s of a backlog, with live traffic',
        measured: of('drained'),
        reference: `steady rate in the same rounds: ${of('steady')}`,
        goal: `≥ 0.9 × steady: ${share.toFixed(2)}`,
        isMet: share >= 0.9,
      },
      {
        what: 'ms to the ACK of live events meanwhile',
        measured: `p50 ${of('live50', 1)}, p99 ${of('live99', 1)}`,
        reference: `4 KiB and fdatasync of another process: p99 ${of('disk99', 1)}, the longest ${of('diskMost')}`,
        goal: 'p99 ≤ 50',
        isMet: middle('live99') <= 50,
      },
      {
        what: 'MB resident meanwhile, one lane, at most',
        measured: of('residentMb'),
        reference: 'bare kafkajs: 122',
        goal: '≤ 150',
        isMet: middle('residentMb') <= 150,
      },
    ];
  },
};

async function drain(bootstrap: string, folder: string, bytesMax: number) {
  const began = performance.now();
  const { proxy, site } = await benchProxy(bootstrap, { journal: { folder, bytesMax } });
  const committed = async () => (await proxy.metric('headwater_events_committed_total')) ?? 0;
  const first = await LoadDevice.open(proxy.tcpPort, 'first');
  await first.ping();
  const firstAckMs = performance.now() - began;
  const words = [proxy.tcpPort, devices, 1, liveRate, watchSeconds];
  const pace = startChild<PaceMessage>('pace.js', words);
  const disk = startChild<DiskMessage>('disk.js', [site.folder]);
  const resident = watchResident(proxy.pid);
  try {
    await until(async () => (await committed()) > 0);
    await pace.hears('ready');
    pace.go();
    await sleep(3_000);
    const [begin, before] = [performance.now(), await committed()];
    const { ackMs } = await pace.hears('done');
    disk.go();
    const { syncMs } = await disk.hears('done');
    const drained = (((await committed()) - before) / (performance.now() - begin)) * 1000;
    const [live50, live99] = [percentile(ackMs, 0.5), percentile(ackMs, 0.99)];
    const [disk99, diskMost] = [percentile(syncMs, 0.99), Math.max(...syncMs)];
    return { firstAckMs, drained, live50, live99, disk99, diskMost, residentMb: resident.mostMb() };
  } finally {
    resident.end();
    disk.end();
    pace.end();
    // Not stopped: it would count what is left, all of it.
    await proxy.kill();
    await site.remove();
  }
}

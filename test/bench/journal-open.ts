// `npm run journal-open`: how long a large journal takes to open. Makes one in a temporary folder with the built journal, opens it again
// and again, each time in a process of its own and behind a kill, and removes it.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { createBooks } from '../../proxy/books.js';
import { systemClock } from '../../proxy/clock.js';
import { openJournal } from '../../proxy/journal/journal.js';
import { median } from './figures/figure.js';
import { blockOf, devicesMax, settled } from './journal-open-blocks.js';
import { unsyncedDisk } from './unsynced-disk.js';

const goalMs = 2_000;
const segmentBytes = 16 << 20;
/** Nearly a segment: as much as a kill can leave behind a checkpoint. */
const tailBytes = 15 << 20;
const bulkBlockBytes = 65_536;
const units: Record<string, number> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

function sizeOf(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kMG]?)B?$/.exec(text) ?? [];
  if (number === undefined || unit === undefined) {
    throw new InvalidArgumentError('A size: 500M, 10G.');
  }
  return Math.round(Number(number) * units[unit]!);
}

function count(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1.');
}

const flags = new Command('npm run journal-open --')
  .description('Measures how long the built journal takes to open a folder of this size.')
  .option('--bytes <size>', 'how large a journal', sizeOf, 10e9)
  .option('--opens <n>', 'how often it is opened, of each kind', count, 7)
  .option('--folder <path>', 'where a temporary folder is made', tmpdir())
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
The journal is one that Kafka has nothing of: segments of 16 MiB, blocks of 64 KiB of ${devicesMax} devices. Each opening is a
process of its own, behind one that was ended without closing and left 15 MiB of blocks of 200 bytes behind
the newest checkpoint, the most that a kill can leave. "cold": the folder's files are taken out of the page cache
before (by dd, where there is one).

Exit codes: 0 the median is below ${goalMs / 1000} s, 1 it is not, 2 wrong use or no room.`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse()
  .opts<{ bytes: number; opens: number; folder: string; json?: boolean }>();

const say = (line: string) => process.stderr.write(`${line}\n`);

async function make(folder: string, bytesMax: number): Promise<void> {
  const began = performance.now();
  const journal = await openJournal({
    ...{ folder, disk: unsyncedDisk(), clock: systemClock(), books: createBooks(), bytesMax },
  });
  let saidMs = began;
  for (let serial = 0; journal.syncedEnd + journal.pendingBytes < flags.bytes; ) {
    if (journal.append(blockOf(journal, serial, bulkBlockBytes))) serial++;
    else await settled(journal);
    if (performance.now() - saidMs < 5_000) continue;
    saidMs = performance.now();
    say(`made ${(journal.syncedEnd / 1e9).toFixed(1)} of ${(flags.bytes / 1e9).toFixed(1)} GB`);
  }
  if (journal.pendingBytes > 0) await settled(journal);
  await journal.close();
  say(`made in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

interface Opened {
  openMs: number;
  cpuMs: number;
  firstReadMs: number;
  segments: number;
  tailRecords: number;
}

async function openOnce(folder: string, bytesMax: number, tail: number): Promise<Opened> {
  const once = fileURLToPath(new URL('./journal-open-once.js', import.meta.url));
  const all = [once, folder, String(bytesMax), String(tail)];
  const { stdout } = await promisify(execFile)(process.execPath, all);
  return JSON.parse(stdout) as Opened;
}

/** False where there is no dd that can. */
async function forget(folder: string): Promise<boolean> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('lock')) continue;
    const path = join(folder, name);
    const { status } = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], {
      stdio: 'ignore',
    });
    if (status !== 0) return false;
  }
  return true;
}

function summary(values: number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const round = (ms: number) => Math.round(ms);
  return {
    medianMs: round(median(values)),
    minMs: round(sorted[0]!),
    maxMs: round(sorted.at(-1)!),
  };
}

async function measure(folder: string): Promise<void> {
  const bytesMax = flags.bytes + (2 + 2 * flags.opens) * 2 * segmentBytes;
  await make(folder, bytesMax);
  const kinds: Record<string, Opened[]> = { warm: [], cold: [] };
  await openOnce(folder, bytesMax, tailBytes);
  for (let at = 0; at < flags.opens; at++) {
    kinds.warm!.push(await openOnce(folder, bytesMax, tailBytes));
    if (!(await forget(folder))) continue;
    kinds.cold!.push(await openOnce(folder, bytesMax, tailBytes));
    say(`opened ${at + 1} of ${flags.opens}`);
  }
  const results = Object.entries(kinds)
    .filter(([, opened]) => opened.length > 0)
    .map(([kind, opened]) => ({
      ...{ kind, opens: opened.length, open: summary(opened.map(({ openMs }) => openMs)) },
      cpu: summary(opened.map(({ cpuMs }) => cpuMs)),
      firstRead: summary(opened.map(({ firstReadMs }) => firstReadMs)),
    }));
  const { segments, tailRecords } = kinds.warm!.at(-1)!;
  const isMet = results.every(({ open }) => open.medianMs < goalMs);
  if (flags.json) {
    const all = {
      load: loadavg(),
      bytes: flags.bytes,
      segments,
      tailBytes,
      tailRecords,
      goalMs,
      isMet,
      results,
    };
    process.stdout.write(`${JSON.stringify(all)}\n`);
  } else {
    const [load] = loadavg();
    const size = `${(flags.bytes / 1e9).toFixed(1)} GB in ${segments} segments`;
    console.log(
      `${size}, ${tailRecords} records (${tailBytes >> 20} MiB) behind the newest checkpoint; load ${load?.toFixed(1)} on ${availableParallelism()} cores`,
    );
    for (const { kind, opens, open, cpu, firstRead } of results) {
      const range = ({ medianMs, minMs, maxMs }: ReturnType<typeof summary>) =>
        `${medianMs} ms (${minMs} to ${maxMs})`;
      console.log(
        `${kind}: opened in ${range(open)}, of it ${cpu.medianMs} ms of CPU, a lane's first read after ${range(firstRead)} more; ${opens} times`,
      );
    }
  }
  process.exitCode = isMet ? 0 : 1;
}

const { bavail, bsize } = await statfs(flags.folder);
const needed = flags.bytes * 1.1 + 1e9;
if (bavail * bsize < needed) {
  const [free, wanted] = [bavail * bsize, needed].map((bytes) => (bytes / 1e9).toFixed(1));
  say(
    `${flags.folder} has ${free} GB free, ${wanted} are needed: name another --folder, or fewer --bytes`,
  );
  process.exit(2);
}
const folder = await mkdtemp(join(flags.folder, 'headwater-journal-open-'));
process.once('SIGINT', () => void rm(folder, { recursive: true }).then(() => process.exit(130)));
try {
  await measure(join(folder, 'journal'));
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit();

import { execFile, execFileSync } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { copyJournal } from '../copy.js';
import { type Fault, healed } from '../fault.js';
import type { Scene } from '../scene.js';
import { mustStand, standsStill } from './disk-error.js';

// Another fills the disk that the journal is on, to the last byte: a tmpfs of its own, which the journal moves to at the
// first such fault. Nothing is acknowledged meanwhile, the proxy stays up, and goes on when there is room.

const run = promisify(execFile);
const bytes = 64 << 20;
let moves = 0;

export const diskFull: Fault = {
  name: 'disk-full',
  about: 'another fills the journal’s disk (a tmpfs), room again after 0.2 to 4 s; needs root',
  async hindrance() {
    const folder = await mkdtemp(join(tmpdir(), 'headwater-mount-'));
    try {
      await mount(folder);
      await run('umount', [folder]);
      return null;
    } catch (error) {
      return `no tmpfs can be mounted here (${String(error).split('\n')[0]})`;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  async inject(scene, random) {
    const disk = join(scene.folder, 'small-disk');
    if (!scene.journal.startsWith(disk)) await moveTo(scene, disk);
    await sleep(random.below(1_000));
    const empty = fill(disk);
    await standsStill(scene);
    await sleep(200 + random.below(4_000));
    mustStand(scene, 'full');
    const isKilled = random.chance(1 / 4);
    // A start on a full disk is none that is refused: it takes no events, until there is room.
    if (isKilled) {
      await scene.killProxy();
      await scene.startProxy();
    }
    return async () => {
      await empty();
      return healed();
    };
  },
};

/** To the last byte, and what becomes free as well. Answers what takes it all away. */
function fill(disk: string): () => Promise<void> {
  const filler = join(disk, 'of-another');
  let isOver = false;
  const filling = (async () => {
    while (!isOver) {
      const { bavail, bsize } = await statfs(disk);
      // A write that the disk is too small for takes what there is.
      await appendFile(filler, Buffer.alloc(bavail * bsize + 1)).catch(() => {});
      await sleep(20);
    }
  })();
  return async () => {
    isOver = true;
    await filling;
    await rm(filler);
  };
}

async function moveTo(scene: Scene, disk: string): Promise<void> {
  await scene.killProxy();
  if (!disks.has(disk)) {
    await mkdir(disk, { recursive: true });
    await mount(disk);
    disks.add(disk);
    scene.atEnd(async () => {
      await copyJournal(scene.journal, join(scene.folder, 'journal-of-small-disk'));
      await run('umount', [disk]);
      disks.delete(disk);
    });
  }
  const moved = join(disk, `journal-${++moves}`);
  await copyJournal(scene.journal, moved);
  scene.journal = moved;
  await scene.startProxy();
}

const mount = (folder: string) =>
  run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);

const disks = new Set<string>();

process.on('exit', () => {
  for (const disk of disks) execFileSync('umount', ['-l', disk]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeDisk } from '../../proxy/disk-node.js';
import { startHolder } from './journal/holder-process.js';

// The real disk, and its lock against processes that live, died, or were stopped.

interface Context {
  folder: string;
}

const test = suite<Context>('disk-node');
const disk = nodeDisk();

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'headwater-disk-'));
});
test.after.each((context) => rm(context.folder, { recursive: true, force: true }));

const isLock = (name: string) => name.startsWith('lock.');

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
  return 'none';
}

test('files: made once, written at a position, read short at the end', async ({ folder }) => {
  const path = join(folder, 'file');
  const made = await disk.create(path);
  assert.is(await codeOf(disk.create(path)), 'EEXIST');
  await made.write(0, Buffer.from('headwater'));
  await made.write(4, Buffer.from('WAT'));
  await made.sync();
  assert.is(await made.size(), 9);
  await made.close();
  const read = await disk.open(path, 'read');
  assert.is(Buffer.from(await read.read(2, 4)).toString(), 'adWA');
  assert.is(Buffer.from(await read.read(7, 100)).toString(), 'er');
  assert.is((await read.read(50, 10)).length, 0);
  assert.is(await codeOf(read.write(0, new Uint8Array(1))), 'EBADF');
  await read.close();
  assert.equal(await disk.list(folder), ['file']);
  await disk.syncFolder(folder);
  await disk.remove(path);
  assert.is(await codeOf(disk.open(path, 'read')), 'ENOENT');
  assert.is(await codeOf(disk.open(path, 'write')), 'ENOENT');
});

test('allocate takes real room', async ({ folder }) => {
  const file = await disk.create(join(folder, 'slot'));
  await file.allocate(200_000);
  await file.sync();
  await file.close();
  const { size, blocks } = await stat(join(folder, 'slot'));
  assert.is(size, 200_000);
  assert.ok(blocks * 512 >= 200_000, 'the file is a hole');
  const bytes = await readFile(join(folder, 'slot'));
  assert.ok(bytes.every((byte) => byte === 0));
});

test('folders: made with their parents, found, or refused', async ({ folder }) => {
  const deep = join(folder, 'a', 'b', 'c');
  await disk.makeFolder(deep);
  await disk.makeFolder(deep);
  assert.ok((await stat(deep)).isDirectory());
  await Promise.all([1, 2, 3].map(() => disk.makeFolder(join(folder, 'x', 'y', 'z'))));
  await writeFile(join(folder, 'file'), '');
  assert.is(await codeOf(disk.makeFolder(join(folder, 'file'))), 'EEXIST');
  assert.is(await codeOf(disk.makeFolder(join(folder, 'file', 'b'))), 'ENOTDIR');
  assert.ok((await disk.freeBytes(folder)) > 0);
});

test('a write beyond the file size that is allowed says so', async ({ folder }) => {
  // The shell's limit stands for a quota: 8 blocks of 512 or 1,024 bytes.
  const script = `
    import { nodeDisk } from ${JSON.stringify(import.meta.resolve('../../proxy/disk-node.js'))};
    process.on('SIGXFSZ', () => {});
    const file = await nodeDisk().create(${JSON.stringify(join(folder, 'big'))});
    await file.write(0, new Uint8Array(100_000)).catch((error) => console.log(error.code));
    console.log(String((await file.size()) < 100_000));
    await file.close();
  `;
  const command = 'ulimit -f 8; exec "$0" --input-type=module -e "$1"';
  const child = spawn('sh', ['-c', command, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  await once(child, 'close');
  assert.is(said, 'EFBIG\ntrue\n');
});

test('the lock: one holder, until it is released', async ({ folder }) => {
  const first = await disk.lock(folder);
  assert.ok(await first.held());
  assert.is(await codeOf(disk.lock(folder)), 'ELOCKED');
  assert.ok(await first.held());
  await first.release();
  assert.equal(await readdir(folder), []);
  const second = await disk.lock(folder);
  assert.not.ok(await first.held());
  await first.release();
  assert.ok(await second.held(), "a late release took another's lock");
  await second.release();
});

test('of many that open at once, one gets the lock', async ({ folder }) => {
  for (let round = 0; round < 10; round++) {
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => disk.lock(folder)));
    const held = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.is(held.length, 1, `round ${round}`);
    assert.ok(await held[0]!.held());
    await held[0]!.release();
  }
  assert.equal(await readdir(folder), []);
});

test('a name that a dead process left is taken; of many, by one', async ({ folder }) => {
  for (let round = 0; round < 8; round++) {
    const holder = startHolder(folder);
    await holder.line();
    await holder.kill();
    assert.ok((await readdir(folder)).some(isLock), 'SIGKILL leaves the name');
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => disk.lock(folder)));
    const taken = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.is(taken.length, 1, `round ${round}`);
    assert.ok(await taken[0]!.held());
    await taken[0]!.release();
    assert.equal((await readdir(folder)).filter(isLock), []);
  }
});

test('a lock whose name was removed is not held', async ({ folder }) => {
  const lock = await disk.lock(folder);
  await rm(join(folder, (await readdir(folder))[0]!));
  assert.not.ok(await lock.held());
  await lock.release();
});

test('two in two processes that take over from a dead one, again and again', async ({ folder }) => {
  for (let round = 0; round < 5; round++) {
    const pair = [startHolder(folder), startHolder(folder)];
    const said = await Promise.all(pair.map((holder) => holder.line()));
    assert.is(said.filter(({ opened }) => opened !== undefined).length, 1, `round ${round}`);
    assert.is(said.filter(({ refused }) => refused === 'locked').length, 1, `round ${round}`);
    await Promise.all(pair.map((holder) => holder.kill()));
  }
});

test('a process that was stopped still holds it', async ({ folder }) => {
  const holder = startHolder(folder);
  await holder.line();
  holder.child.kill('SIGSTOP');
  assert.is(await codeOf(disk.lock(folder)), 'ELOCKED');
  holder.child.kill('SIGCONT');
  assert.is(await holder.end(), 0);
  await (await disk.lock(folder)).release();
});

test('a folder whose name is too long for a socket', async ({ folder }) => {
  const deep = join(folder, 'd'.repeat(90), 'e'.repeat(90));
  await disk.makeFolder(deep);
  if (process.platform !== 'linux') {
    assert.is(await codeOf(disk.lock(deep)), 'ENAMETOOLONG');
    return;
  }
  const lock = await disk.lock(deep);
  assert.is(await codeOf(disk.lock(deep)), 'ELOCKED');
  assert.ok(await lock.held());
  await lock.release();
  assert.equal(await readdir(deep), []);
});

test('what another keeps beside it is left alone', async ({ folder }) => {
  await writeFile(join(folder, 'lock.txt'), 'mine');
  await (await disk.lock(folder)).release();
  assert.equal(await readdir(folder), ['lock.txt']);
});

test.run();

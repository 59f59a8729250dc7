import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nodeDisk } from '../../../proxy/disk-node.js';
import { type Damage, damageText } from '../../../proxy/journal/damage.js';
import type { Journal } from '../../../proxy/journal/journal.js';
import { startHolder } from './holder-process.js';
import { block, boot, openReal, positionOf, readAll, refusal, settled } from './records.js';

// What opening a journal takes, and what it refuses, on the real disk. A refusal is one line and
// changes nothing.

interface Context {
  folder: string;
}

const test = suite<Context>('open');

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'headwater-journal-'));
});
test.after.each((context) => rm(context.folder, { recursive: true, force: true }));

/** Every file and its bytes. */
async function snapshot(folder: string): Promise<Record<string, string>> {
  const bytes: Record<string, string> = {};
  for (const name of (await readdir(folder)).sort()) {
    // A socket has no bytes.
    if (name.startsWith('lock.')) continue;
    bytes[name] = await readFile(join(folder, name), 'hex');
  }
  return bytes;
}

const isSegment = (name: string) => name.endsWith('.segment');

async function segmentsOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(isSegment).sort();
}

/** A journal with events in two segments, closed. */
async function filled(folder: string, lanes = 1): Promise<{ id: string; syncedEnd: number }> {
  const journal = await openReal(folder, { segmentBytes: 2_000, lanes });
  for (let from = 0; from < 4; from++) {
    journal.append(block('press-07', from, 1, 700));
    await settled(journal);
  }
  await journal.close();
  return { id: journal.id, syncedEnd: journal.syncedEnd };
}

async function refusedUnchanged(
  folder: string,
  kind: Parameters<typeof refusal>[1],
): Promise<string> {
  const before = await snapshot(folder);
  const { message } = await refusal(openReal(folder), kind);
  assert.equal(await snapshot(folder), before, 'the refusal changed the folder');
  return message;
}

test('a folder that is not there is made, and its journal goes on', async ({ folder }) => {
  const deep = join(folder, 'site', 'journal');
  const { id } = await filled(deep);
  const journal = await openReal(deep, { segmentBytes: 2_000 });
  assert.is(journal.id, id);
  const place = journal.places('press-07')?.values().next().value;
  assert.is(place?.durable, 4);
  const read = await readAll(nodeDisk(), deep, journal.syncedEnd);
  assert.equal(
    read.map(({ record }) => record.kind === 'block' && record.first),
    [0, 1, 2, 3],
  );
  await journal.close();
});

test('a second process is refused, and the first goes on', async ({ folder }) => {
  const first = startHolder(folder);
  const { opened } = await first.line();
  first.say('press-07');
  const { syncedEnd } = await first.line();
  const before = await snapshot(folder);

  const second = startHolder(folder);
  const { refused, message } = await second.line();
  assert.is(refused, 'locked');
  assert.match(message as string, /in use by another headwater; stop that one/);
  assert.is(await second.end(), 1);
  assert.equal(await snapshot(folder), before);

  first.say('press-07');
  assert.ok((await first.line()).syncedEnd! > syncedEnd!);
  assert.is(await first.end(), 0);
  const journal = await openReal(folder);
  assert.is(journal.id, opened);
  assert.is(journal.places('press-07')?.values().next().value?.durable, 2);
  await journal.close();
});

test('the lock dies with SIGKILL, and what was acknowledged is there', async ({ folder }) => {
  const first = startHolder(folder);
  await first.line();
  first.say('press-07');
  await first.line();
  await refusal(openReal(folder), 'locked');
  await first.kill();
  const journal = await openReal(folder);
  assert.is(journal.places('press-07')?.values().next().value?.durable, 1);
  await journal.close();
});

test('killed in the middle of its work, again and again', async ({ folder }) => {
  let durable = 0;
  for (const answers of [1, 5, 20, 2, 50]) {
    const holder = startHolder(folder);
    assert.ok((await holder.line()).opened);
    for (let line = 0; line < 200; line++) holder.say('press-07');
    for (let answer = 0; answer < answers; answer++) await holder.line();
    await holder.kill();
    const journal = await openReal(folder);
    const found = journal.places('press-07')?.values().next().value?.durable ?? 0;
    assert.ok(found >= durable + answers, `${found} of ${durable + answers} acknowledged`);
    durable = found;
    const read = await readAll(nodeDisk(), folder, journal.syncedEnd);
    const firsts = read.flatMap(({ record }) => (record.kind === 'block' ? [record.first] : []));
    assert.equal(
      firsts,
      Array.from({ length: durable }, (_, seq) => seq),
    );
    await journal.close();
  }
});

test('one process does not open it twice', async ({ folder }) => {
  const journal = await openReal(folder);
  await refusal(openReal(folder), 'locked');
  journal.append(block('press-07', 0));
  await settled(journal);
  await journal.close();
  await (await openReal(folder)).close();
});

test('a later version of the format: in a segment, in a checkpoint', async ({ folder }) => {
  await filled(folder);
  const names = [(await segmentsOf(folder)).at(-1)!, 'checkpoint-0', 'checkpoint-1'];
  for (const name of names) {
    const path = join(folder, name);
    const bytes = await readFile(path);
    const later = Buffer.from(bytes);
    later.writeUInt32LE(2, 8);
    await writeFile(path, later);
    assert.match(await refusedUnchanged(folder, 'newer'), new RegExp(`${name} was written by`));
    await writeFile(path, bytes);
  }
  await (await openReal(folder)).close();
});

test('a folder of something else', async ({ folder }) => {
  await writeFile(join(folder, 'holiday.jpg'), 'x');
  assert.match(await refusedUnchanged(folder, 'foreign'), /no journal's \(holiday\.jpg\)/);
  await rm(join(folder, 'holiday.jpg'));
  for (const name of ['lost+found', 'dead-letters']) await mkdir(join(folder, name));
  await (await openReal(folder)).close();
});

test('segments of two journals', async ({ folder }) => {
  const one = join(folder, 'one');
  const other = join(folder, 'other');
  await filled(one);
  const { id } = await filled(other);
  const name = (await segmentsOf(one))[1]!;
  assert.is((await segmentsOf(other))[1], name);
  await writeFile(join(one, name), await readFile(join(other, name)));
  const message = await refusedUnchanged(one, 'mismatch');
  assert.match(message, new RegExp(`${name} belongs to journal ${id} and .*segment to`));
});

test('checkpoints of another journal', async ({ folder }) => {
  const one = join(folder, 'one');
  const other = join(folder, 'other');
  await filled(one);
  await filled(other);
  for (const name of ['checkpoint-0', 'checkpoint-1']) {
    await writeFile(join(one, name), await readFile(join(other, name)));
  }
  assert.match(await refusedUnchanged(one, 'mismatch'), /belongs to journal/);
});

test('an older copy, opened more often, mixed with what went on', async ({ folder }) => {
  const one = join(folder, 'one');
  const copy = join(folder, 'copy');
  await filled(one);
  await cp(one, copy, { recursive: true });
  const journal = await openReal(one);
  journal.append(block('press-07', 4, 1, 700));
  await settled(journal);
  await journal.close();
  await (await openReal(one)).close();
  for (let again = 0; again < 4; again++) await (await openReal(copy)).close();
  const newest = (await segmentsOf(copy)).at(-1)!;
  await writeFile(join(one, newest), await readFile(join(copy, newest)));
  const message = await refusedUnchanged(one, 'mismatch');
  assert.match(message, /an older segment begins behind a newer one; .* put one copy back whole/);
});

test('a renamed segment', async ({ folder }) => {
  await filled(folder);
  const name = (await segmentsOf(folder))[1]!;
  const other = name.replace(/-[0-9a-f]{8}/, '-0000000a');
  await rename(join(folder, name), join(folder, other));
  assert.match(await refusedUnchanged(folder, 'mismatch'), /the file was renamed/);
});

/** Kafka has all that there is, of whichever lanes. */
async function confirmAll(folder: string, journal: Journal): Promise<void> {
  for (const one of await readAll(nodeDisk(), folder, journal.syncedEnd)) {
    if (one.record.kind === 'block') journal.confirm(positionOf(journal, one), []);
  }
}

test('another number of lanes is in force where Kafka has everything, and not before', async ({
  folder,
}) => {
  const { syncedEnd } = await filled(folder, 2);
  const waits = await openReal(folder, { lanes: 3 });
  assert.equal([waits.lanes, waits.lanesSince], [2, 0], 'events wait');
  await confirmAll(folder, waits);
  await waits.close();
  const done = await openReal(folder, { lanes: 3 });
  assert.is(done.lanes, 3);
  assert.ok(done.lanesSince >= syncedEnd);
  assert.is(done.places('press-07')?.get(boot)?.durable, 4, 'the places are there');
  for (const lane of [0, 1, 2]) assert.is(done.waitsFrom(lane), done.lanesSince);
  await done.close();
});

test('a device goes into another lane with its next event, and its old lane may be far behind', async ({
  folder,
}) => {
  const devices = ['press-07', 'kiln', 'oven', 'mill', 'saw', 'lift'];
  let next = 0;
  for (const lanes of [3, 2, 1, 3]) {
    const journal = await openReal(folder, { segmentBytes: 2_000, lanes });
    assert.is(journal.lanes, lanes);
    for (const device of devices) journal.append(block(device, next));
    next++;
    await settled(journal);
    const read = await readAll(nodeDisk(), folder, journal.syncedEnd);
    const waiting = read.filter(({ lane, offset }) => offset >= journal.waitsFrom(lane));
    const blocks = waiting.flatMap(({ record }) => (record.kind === 'block' ? record : []));
    assert.equal(
      blocks.map(({ device, from }) => [device, from]),
      devices.map((device) => [device, next - 1]),
      `${lanes} lanes: what waits is what came last`,
    );
    for (const one of waiting)
      if (one.record.kind === 'block') journal.confirm(positionOf(journal, one), []);
    await journal.close();
  }
});

test('a wiped folder is a new journal; a half-wiped one is refused', async ({ folder }) => {
  const { id } = await filled(folder);
  for (const name of await segmentsOf(folder)) await rm(join(folder, name));
  assert.match(await refusedUnchanged(folder, 'damaged'), /a checkpoint and no segment/);
  for (const name of await readdir(folder)) await rm(join(folder, name));
  const journal = await openReal(folder);
  assert.is.not(journal.id, id);
  assert.is(journal.places('press-07'), null);
  await journal.close();
});

test("a folder that can't be one, and one that can't be written", async ({ folder }) => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const { message } = await refusal(openReal(join(file, 'journal')), 'disk');
  assert.match(message, /give the proxy a folder on a working disk/);
  // To root every folder is writable, except where the kernel makes the files.
  await refusal(openReal('/proc/self/headwater-journal'), 'disk');
  if (process.getuid?.() === 0) return;
  const closed = join(folder, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o500);
  await refusal(openReal(closed), 'disk');
  await chmod(closed, 0o700);
});

/** A process takes three events of a device, and is killed. */
async function leaveThreeEvents(folder: string): Promise<void> {
  const holder = startHolder(folder);
  await holder.line();
  for (let event = 0; event < 3; event++) {
    holder.say('press-07');
    await holder.line();
  }
  await holder.kill();
}

test('a torn tail is cut off, and the rest stays', async ({ folder }) => {
  await leaveThreeEvents(folder);
  const name = (await segmentsOf(folder))[0]!;
  const bytes = await readFile(join(folder, name));
  await writeFile(join(folder, name), bytes.subarray(0, bytes.length - 20));
  const journal = await openReal(folder);
  assert.is(journal.places('press-07')?.values().next().value?.durable, 2);
  const end = journal.syncedEnd;
  assert.ok(journal.append(block('press-07', 2)));
  await settled(journal);
  const read = await readAll(nodeDisk(), folder, journal.syncedEnd);
  assert.is(read.length, 3);
  assert.ok(read[2]!.offset > end);
  await journal.close();
});

test('[J-33] a flipped bit is passed over, once said; bytes that are missing refuse the start', async ({
  folder,
}) => {
  await leaveThreeEvents(folder);
  const path = join(folder, (await segmentsOf(folder))[0]!);
  const bytes = await readFile(path);
  const rotten = Buffer.from(bytes);
  rotten[200]! ^= 1;
  await writeFile(path, rotten);
  const damage: string[] = [];
  const onDamage = (one: Damage) => void damage.push(damageText(one));
  const journal = await openReal(folder, { onDamage });
  assert.is(journal.places('press-07')?.values().next().value?.durable, 3);
  assert.is(damage.length, 1);
  assert.match(damage[0]!, /\.segment: \d+ bytes at offset \d+ are damaged and passed over/);
  await journal.close();
  // A checkpoint stands above the last group now; the file ends below it.
  for (const name of (await segmentsOf(folder)).slice(1)) await rm(join(folder, name));
  await writeFile(path, bytes.subarray(0, bytes.length - 20));
  assert.match(await refusedUnchanged(folder, 'damaged'), /ends at offset \d+, and was synced/);
});

test('[J-33] an older segment that is gone, or ends too early, refuses the start', async ({
  folder,
}) => {
  const journal = await openReal(folder, { segmentBytes: 2_000 });
  for (let from = 0; from < 8; from++) {
    journal.append(block('press-07', from, 1, 700));
    await settled(journal);
  }
  await journal.close();
  const [first, middle, ...others] = await segmentsOf(folder);
  assert.ok(others.length >= 2, 'the newest checkpoint is further on');
  const path = join(folder, middle!);
  const bytes = await readFile(path);
  await rm(path);
  const remedy = 'put the file back from a copy';
  assert.match(await refusedUnchanged(folder, 'damaged'), new RegExp(`${first}.*${remedy}`));
  await writeFile(path, bytes.subarray(0, 300));
  assert.match(await refusedUnchanged(folder, 'damaged'), new RegExp(`${middle}.*${remedy}`));
  await writeFile(path, bytes);
  await (await openReal(folder)).close();
});

test('both checkpoints gone: replayed from the beginning', async ({ folder }) => {
  await filled(folder);
  await rm(join(folder, 'checkpoint-0'));
  const path = join(folder, 'checkpoint-1');
  const bytes = await readFile(path);
  bytes[70]! ^= 1;
  await writeFile(path, bytes);
  const journal = await openReal(folder);
  assert.is(journal.places('press-07')?.values().next().value?.durable, 4);
  await journal.close();
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBooks } from '../../../proxy/books.js';
import type { Journal, JournalOptions } from '../../../proxy/journal/journal.js';
import { openJournal } from '../../../proxy/journal/journal.js';
import { laneOf } from '../../../proxy/journal/lane.js';
import { Random } from '../../random.js';
import { TestClock } from '../talk.js';
import { block, boot, loss, positionOf, readAll } from './records.js';
import { type Call, SimulatedDisk } from './simulated-disk.js';
import { folder, StillClock, turn } from './still-clock.js';

// What a journal that is open does, on a disk that fails where a test wants it.

const device = 'press-07';

async function open(disk: SimulatedDisk, more: Partial<JournalOptions> = {}) {
  const clock = new StillClock(new Random(7));
  const books = createBooks();
  const journal = await openJournal({
    ...{ folder, disk: disk.disk, clock, books, bytesMax: 6_000, segmentBytes: 1_500 },
    ...more,
  });
  return { journal, clock, books, disk: disk.disk };
}

/** Appends blocks of a device behind what it has, each synced alone. */
async function fill(journal: Journal, name: string, ...sizes: number[]): Promise<void> {
  for (const size of sizes) {
    assert.ok(journal.append(block(name, received(journal, name), 1, size)));
    await turn();
  }
}

function received(journal: Journal, name: string): number {
  return journal.places(name)?.get(boot)?.received ?? 0;
}

function durable(journal: Journal, name = device): number {
  return journal.places(name)?.get(boot)?.durable ?? 0;
}

/** Confirms the `count` next records of a lane. */
async function confirm(disk: SimulatedDisk, journal: Journal, count: number, lane = 0) {
  const before = journal.confirmed(lane)?.offset ?? -1;
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  const open = all.filter((one) => one.lane === lane && one.offset > before);
  const taken = open.slice(0, count);
  const devices = taken.flatMap(({ record }) => (record.kind === 'block' ? [record.device] : []));
  journal.confirm(
    positionOf(journal, taken.at(-1)!),
    [...new Set(devices)].map((name) => [name, devices.filter((one) => one === name).length]),
  );
}

const segments = (disk: SimulatedDisk) => disk.names().filter((name) => name.endsWith('.segment'));

function segmentBytes(disk: SimulatedDisk): number {
  return segments(disk).reduce((bytes, name) => bytes + disk.bytesOf(name).length, 0);
}

test('bytes and pendingBytes: what is in segments, and what waits', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  assert.equal([journal.bytes, journal.pendingBytes], [64, 0]);
  journal.append(block(device, 0, 1, 100));
  const one = journal.pendingBytes;
  assert.ok(one > 100 && one % 8 === 0);
  journal.append(block(device, 1, 1, 100));
  assert.is(journal.pendingBytes, 2 * one);
  assert.equal([received(journal, device), durable(journal)], [2, 0]);
  await turn();
  assert.is(journal.pendingBytes, 0);
  assert.is(durable(journal), 2);
  await fill(journal, device, 900, 900, 900);
  assert.is(segments(disk).length, 3);
  assert.is(journal.bytes, segmentBytes(disk));
  const { bytes } = journal;
  await journal.close();
  const again = await open(disk);
  assert.is(again.journal.bytes, bytes + 64);
  assert.is(again.journal.bytes, segmentBytes(disk));
});

test('blocks that come one by one share a group; the first one, many bytes and the end go at once', async () => {
  const clock = new TestClock();
  const disk = new SimulatedDisk(new Random(1));
  const limits = { bytesMax: 4 << 20, segmentBytes: 1 << 20, groupIntervalMs: 3 };
  const { journal } = await open(disk, { clock, ...limits });
  const groups: number[] = [];
  journal.onSynced(() => groups.push(durable(journal)));
  const append = async (byteCount = 40) => {
    assert.ok(journal.append(block(device, received(journal, device), 1, byteCount)));
    await turn();
  };
  await append();
  assert.equal(groups, [1], 'the first behind a pause');
  for (let n = 0; n < 4; n++) await append();
  assert.equal(groups, [1], 'they wait for each other');
  clock.advance(3);
  await turn();
  assert.equal(groups, [1, 5]);
  await append(70_000);
  assert.equal(groups, [1, 5, 6], 'enough for a group of its own');
  clock.advance(3);
  await append();
  assert.equal(groups, [1, 5, 6, 7], 'behind a pause again');
  await append();
  await journal.close();
  assert.equal(groups, [1, 5, 6, 7, 8], 'the end waits for nothing');
});

test('past the cap append answers false, and goes on after a confirmation', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  const writable: boolean[] = [];
  journal.onWritable((now) => writable.push(now));
  for (let at = 0; at < 100 && journal.append(block(device, at, 1, 600)); at++) await turn();
  const full = received(journal, device);
  assert.ok(journal.bytes > 5_000 && journal.bytes <= journal.bytesMax);
  assert.not.ok(journal.writable);
  assert.match(journal.trouble!, /the journal is full .*; it goes on when Kafka has taken events/);
  assert.not.ok(journal.append(block('kiln', 0)));
  assert.is(received(journal, device), full);

  await confirm(disk, journal, 1);
  await turn();
  assert.not.ok(journal.writable, 'one record frees no segment');
  await confirm(disk, journal, full - 2);
  await turn();
  assert.ok(journal.writable);
  assert.equal(writable, [false, true]);
  assert.is(journal.bytes, segmentBytes(disk));
  assert.ok(journal.append(block(device, full, 1, 600)));
});

test('pendingBytesMax bounds what waits, not the journal', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk, { pendingBytesMax: 500 });
  let taken = 0;
  while (taken < 100 && journal.append(block(device, taken, 1, 100))) taken++;
  assert.ok(taken > 1 && journal.pendingBytes <= 500);
  assert.ok(journal.writable);
  await turn();
  assert.ok(journal.append(block(device, taken, 1, 100)));
});

test('an append that does not begin at its place is a mistake', async () => {
  const { journal } = await open(new SimulatedDisk(new Random(1)));
  journal.append(block(device, 0, 3));
  assert.throws(() => journal.append(block(device, 4)), /begin at 3, where its place stands/);
  assert.throws(() => journal.append(block(device, 2)), RangeError);
  assert.throws(() => journal.append(loss(device, 3, 3)), RangeError);
  await turn();
  assert.is(durable(journal), 3);
});

test('[J-47] a place has the time of its newest block, and the offset of the newest that knew one', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  const time = (one: Journal) => {
    const { lastTimeMs, offsetMs } = one.places(device)!.get(boot)!;
    return [lastTimeMs, offsetMs];
  };
  journal.append(loss(device, 0, 1));
  assert.equal(time(journal), [0, null]);
  journal.append({ ...block(device, 1), lastTimeMs: 9_000, offsetMs: -0.5 });
  assert.equal(time(journal), [9_000, -0.5]);
  journal.append({ ...block(device, 2), lastTimeMs: 5_000, offsetMs: 7, quality: 'unknown' });
  assert.equal(time(journal), [5_000, -0.5]);
  await turn();
  await journal.close();
  const again = await open(disk);
  assert.equal(time(again.journal), [5_000, -0.5]);
  await again.journal.close();
});

test('[J-48] a place has ended when its end was said, until more comes of it', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  const ended = (one: Journal) => one.places(device)!.get(boot)!.ended;
  await fill(journal, device, 100);
  assert.not(ended(journal));
  journal.append(loss(device, 1, null));
  assert.ok(ended(journal), 'what was received counts');
  await turn();
  const replayed = await open(disk.kill(new Random(1)));
  assert.ok(ended(replayed.journal));
  await replayed.journal.close();
  const again = await open(disk.kill(new Random(1)));
  assert.ok(ended(again.journal), 'of the checkpoint');
  await journal.close();

  const late = await open(disk);
  disk.fault = (call) => (call === 'sync' ? 'EIO' : null);
  late.journal.append(block(device, 1));
  assert.not(ended(late.journal));
  await turn();
  assert.ok(ended(late.journal), 'it was not written');
  disk.fault = null;
  late.clock.runTimers();
  await turn();
  await fill(late.journal, device, 100);
  const last = await open(disk.kill(new Random(1)));
  assert.not(ended(last.journal));
});

test('a confirmation beyond the synced end, or of another journal, throws', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  await fill(journal, device, 100);
  const [located] = await readAll(disk.disk, folder, journal.syncedEnd);
  const position = positionOf(journal, located!);
  const beyond = { ...position, end: journal.syncedEnd + 8 };
  assert.throws(() => journal.confirm(beyond, []), /is synced up to/);
  assert.throws(() => journal.confirm({ ...position, journal: 'f'.repeat(32) }, []), RangeError);
  assert.is(journal.confirmed(0), null);
  journal.confirm(position, []);
  assert.equal(journal.confirmed(0), position);
});

test('segments go when every lane has passed them, and not before', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk, { lanes: 2, bytesMax: 40_000 });
  const names = ['press-07', 'kiln', 'oven', 'é'];
  const inLane = [0, 1].map((lane) => names.find((name) => laneOf(name, 2) === lane)!);
  for (let event = 0; event < 4; event++) {
    for (const name of inLane) await fill(journal, name, 600);
  }
  const all = segments(disk).length;
  assert.ok(all >= 4);
  await confirm(disk, journal, 4, 0);
  await turn();
  assert.is(segments(disk).length, all, 'lane 1 has passed none');
  await confirm(disk, journal, 2, 1);
  await turn();
  const some = segments(disk).length;
  assert.ok(some > 1 && some < all);
  // Each lane's confirmed record can still be read: Kafka's position is held against it.
  const read = await readAll(disk.disk, folder, journal.syncedEnd);
  for (const lane of [0, 1]) {
    assert.ok(read.some(({ offset }) => offset === journal.confirmed(lane)!.offset));
  }
  await confirm(disk, journal, 2, 1);
  await turn();
  assert.is(segments(disk).length, 1);
});

test('after a failed sync: received falls back, and the segment is left alone', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 100);
  const before = segments(disk).at(-1)!;
  const calls: [Call, string][] = [];
  const failed: string[] = [];
  journal.onFailed((error) => failed.push(error.message));
  disk.fault = (call, name) => (call === 'sync' && name === before ? 'EIO' : null);
  journal.append(block(device, 1));
  journal.append({ kind: 'table', device, id: '00'.repeat(8), bytes: new Uint8Array(3) });
  await turn();
  assert.equal(failed, ['simulated EIO']);
  assert.equal([received(journal, device), durable(journal)], [1, 1]);
  assert.is(journal.table(device, '00'.repeat(8)), null);
  assert.is(journal.pendingBytes, 0);
  assert.match(journal.trouble!, /writing failed \(simulated EIO\); nothing is acknowledged/);
  assert.not.ok(journal.append(block(device, 1)));

  disk.fault = null;
  disk.afterCall = (call, name) => void calls.push([call, name]);
  clock.runTimers();
  await turn();
  assert.ok(journal.writable);
  await fill(journal, device, 100);
  await journal.close();
  assert.equal(
    calls.filter(([, name]) => name === before),
    [],
  );
  const again = await open(disk);
  assert.is(durable(again.journal), 2);
});

test('a disk that others have filled: deletion goes on, then writing', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 900, 900, 900);
  disk.bytesMax = disk.usedBytes;
  journal.append(block(device, 3, 1, 900));
  await turn();
  assert.not.ok(journal.writable);
  assert.is(durable(journal), 3);
  const all = segments(disk).length;
  await confirm(disk, journal, 3);
  clock.runTimers();
  await turn();
  assert.ok(segments(disk).length < all, 'nothing was deleted');
  clock.runTimers();
  await turn();
  assert.ok(journal.writable, journal.trouble ?? '');
  await fill(journal, device, 100);
  assert.is(durable(journal), 4);
});

test('deletion goes on too where the disk filled up in the first life', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  // Room for segments, and for nothing of 64 KiB.
  disk.bytesMax = disk.usedBytes + 4_000;
  await fill(journal, device, 900, 900, 900);
  assert.equal([durable(journal), segments(disk).length], [3, 3]);
  await confirm(disk, journal, 3);
  clock.runTimers();
  await turn();
  assert.is(segments(disk).length, 1);
});

test('killed between write and sync: what the next one calls durable survives the power', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  await fill(journal, device, 100);
  const name = segments(disk).at(-1)!;
  const copies: SimulatedDisk[] = [];
  disk.afterCall = (call, file) => {
    if (call !== 'write' || file !== name) return;
    for (let seed = 0; seed < 20; seed++) copies.push(disk.kill(new Random(seed)));
    copies.push(disk.cut('nothing', new Random(1)));
  };
  journal.append(block(device, 1));
  await turn();
  const found = new Set<number>();
  for (const copy of copies) {
    const next = await open(copy);
    found.add(durable(next.journal));
    const later = await open(copy.cut('nothing', new Random(1)));
    assert.is(durable(later.journal), durable(next.journal));
    // The checkpoint says so alone; the records must be there too.
    const read = await readAll(later.disk, folder, later.journal.syncedEnd);
    assert.is(read.length, durable(later.journal));
  }
  assert.equal([...found].sort(), [1, 2], 'the page cache had it, and the platter had not');
});

test('a boot is forgotten once Kafka has all of it, for good', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 100, 100);
  journal.forget(device, [boot, 5]);
  clock.runTimers();
  await turn();
  assert.is(durable(journal), 2);
  await confirm(disk, journal, 1);
  clock.runTimers();
  await turn();
  assert.is(durable(journal), 2, 'one record is not confirmed');
  await confirm(disk, journal, 1);
  clock.runTimers();
  await turn();
  assert.is(journal.places(device), null);
  const again = await open(disk.kill(new Random(1)));
  assert.is(again.journal.places(device), null);
});

test('[J-45] a boot is not forgotten while its end waits', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 100);
  await confirm(disk, journal, 1);
  clock.runTimers();
  await turn();
  journal.append(loss(device, 1, null));
  journal.forget(device, [boot]);
  await turn();
  clock.runTimers();
  await turn();
  assert.is(durable(journal), 1, 'Kafka does not have its end');
  await confirm(disk, journal, 2);
  clock.runTimers();
  await turn();
  assert.is(journal.places(device), null);
});

// Found by the campaign or on the way to it.

test('a confirmation is counted once, though its checkpoint failed and is there', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  await fill(journal, device, 600, 500, 100, 100);
  assert.is(segments(disk).length, 2);
  disk.fault = (call, name) =>
    name.startsWith('checkpoint') && (call === 'sync' || call === 'remove') ? 'EIO' : null;
  await confirm(disk, journal, 3);
  await turn();
  assert.is(segments(disk).length, 2, 'the checkpoint did not fail');
  await confirm(disk, journal, 1);
  // A group takes it along before the checkpoint is tried again.
  await fill(journal, device, 100);
  const { books } = await open(disk.kill(new Random(1)));
  assert.is(books.account(device).committed, 4);
});

test('[J-61] a confirmation that comes while both checkpoints are written is counted', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 600);
  disk.fault = (call, name) => (call === 'sync' && name.startsWith('checkpoint') ? 'EIO' : null);
  await fill(journal, device, 500, 100, 100);
  disk.fault = null;
  clock.runTimers();
  await turn();
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  let writes = 0;
  disk.afterCall = (call, name) => {
    if (call !== 'write' || !name.startsWith('checkpoint') || ++writes !== 1) return;
    journal.confirm(positionOf(journal, all[3]!), [[device, 1]]);
  };
  journal.confirm(positionOf(journal, all[2]!), [[device, 3]]);
  await turn();
  assert.is(writes, 2, 'both slots must cover what goes');
  for (const copy of [disk.kill(new Random(1)), disk.cut('nothing', new Random(1))]) {
    const { books, journal: again, disk: itsDisk } = await open(copy);
    const before = again.confirmed(0)!.offset;
    const left = (await readAll(itsDisk, folder, again.syncedEnd)).filter(
      ({ offset }) => offset > before,
    );
    assert.is(books.account(device).committed + left.length, 4, 'neither counted nor to be sent');
  }
});

test('a confirmation is counted once, though a removal failed behind its checkpoint', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 600, 500, 100, 100);
  disk.fault = (call) => (call === 'remove' ? 'EIO' : null);
  await confirm(disk, journal, 3);
  await turn();
  await confirm(disk, journal, 1);
  clock.runTimers();
  await turn();
  const { books } = await open(disk.kill(new Random(1)));
  assert.is(books.account(device).committed, 4);
});

test('a checkpoint that only the page cache had, its brother torn: kill, then power', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  await fill(journal, device, 900, 900, 900);
  await confirm(disk, journal, 2);
  await turn();
  assert.not.ok(segments(disk).some((name) => name.startsWith('0'.repeat(16))));
  const killed: SimulatedDisk[] = [];
  disk.afterCall = (call, name) => {
    if (call !== 'write' || !name.startsWith('checkpoint')) return;
    for (let seed = 0; seed < 20; seed++) killed.push(disk.kill(new Random(seed)));
  };
  await fill(journal, device, 900);
  assert.is(killed.length, 20);
  for (const [seed, copy] of killed.entries()) {
    const cuts: SimulatedDisk[] = [];
    copy.afterCall = () => {
      for (let more = 0; more < 4; more++) cuts.push(copy.cut('any', new Random(seed + more)));
    };
    await open(copy);
    for (const cut of cuts) assert.ok(durable((await open(cut)).journal) >= 3);
  }
});

test('a full disk at the first start leaves nothing that the next one refuses', async () => {
  const disk = new SimulatedDisk(new Random(1));
  // The segment finds no room, the checkpoint would.
  disk.fault = (_call, name) => (name.endsWith('.segment') ? 'ENOSPC' : null);
  const { journal } = await open(disk);
  assert.not.ok(journal.writable);
  await journal.close();
  disk.fault = null;
  const next = await open(disk.kill(new Random(1)));
  await fill(next.journal, device, 100);
  assert.is(durable(next.journal), 1);
});

test('a void group stays void when the next start finds the disk full', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  await fill(journal, device, 100, 100);
  // The confirmation is in the group that fails, and then in the checkpoint of the close.
  await confirm(disk, journal, 1);
  disk.fault = (call, name) => (call === 'sync' && name.endsWith('.segment') ? 'EIO' : null);
  journal.append(block(device, 2));
  await turn();
  await journal.close();
  const full = disk.kill(new Random(1));
  full.fault = (call, name) => (call === 'create' && name.endsWith('.segment') ? 'ENOSPC' : null);
  const second = await open(full);
  assert.is(durable(second.journal), 2);
  await second.journal.close();
  full.fault = null;
  const third = await open(full);
  assert.is(durable(third.journal), 2);
  assert.is(third.books.account(device).committed, 1);
});

test('a slot made on a full disk is not left half made', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 900, 900);
  const made = disk.names().filter((name) => name.startsWith('checkpoint'));
  assert.is(made.length, 2);
  const fresh = new SimulatedDisk(new Random(1));
  fresh.fault = (call, name) =>
    call === 'allocate' && name.startsWith('checkpoint') ? 'ENOSPC' : null;
  const other = await open(fresh);
  assert.not.ok(fresh.names().some((name) => name.startsWith('checkpoint')));
  fresh.fault = null;
  await fill(other.journal, device, 900, 900, 900);
  await confirm(fresh, other.journal, 3);
  other.clock.runTimers();
  clock.runTimers();
  await turn();
  // Segments went, so a checkpoint must be there, whatever the folder kept.
  const next = await open(fresh.cut('nothing', new Random(1)));
  assert.is(durable(next.journal), 3);
});

test('full ends when a failed sync gives back what waited', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 100);
  let next = 1;
  while (next < 100 && journal.append(block(device, next, 1, 600))) next++;
  assert.not.ok(journal.writable);
  disk.fault = (call) => (call === 'sync' ? 'EIO' : null);
  await turn();
  disk.fault = null;
  clock.runTimers();
  await turn();
  assert.ok(journal.writable, journal.trouble ?? '');
  await fill(journal, device, 600);
});

test('the void tail of a failed group is counted: it takes room until its segment goes', async () => {
  const disk = new SimulatedDisk(new Random(2));
  const { journal, clock } = await open(disk);
  await fill(journal, device, 100);
  disk.fault = (call, name) => (call === 'sync' && name.endsWith('.segment') ? 'EIO' : null);
  journal.append(block(device, 1, 1, 600));
  await turn();
  disk.fault = null;
  clock.runTimers();
  await turn();
  assert.is(journal.bytes, segmentBytes(disk));
});

test.run();

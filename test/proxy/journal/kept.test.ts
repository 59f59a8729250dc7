// What Kafka has stays in the journal for a while ([J-54]), and never in the way of an event: after every step the cap holds on the disk.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBooks } from '../../../proxy/books.js';
import type { Journal, JournalOptions } from '../../../proxy/journal/journal.js';
import { openJournal } from '../../../proxy/journal/journal.js';
import { Random } from '../../random.js';
import { block, boot, positionOf, readAll } from './records.js';
import { SimulatedDisk } from './simulated-disk.js';
import { folder, StillClock, turn } from './still-clock.js';

const device = 'press-07';
const hourMs = 3_600_000;

class HourClock extends StillClock {
  aheadMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.aheadMs;
  }
}

async function open(disk: SimulatedDisk, clock: HourClock, more: Partial<JournalOptions> = {}) {
  return openJournal({
    ...{ folder, disk: disk.disk, clock, books: createBooks() },
    ...{ bytesMax: 12_000, segmentBytes: 1_500, keepCommittedMs: 48 * hourMs },
    ...more,
  });
}

const seqOf = (journal: Journal) => journal.places(device)?.get(boot)?.received ?? 0;
const segments = (disk: SimulatedDisk) => disk.names().filter((name) => name.endsWith('.segment'));
const segmentBytes = (disk: SimulatedDisk) =>
  segments(disk).reduce((bytes, name) => bytes + disk.bytesOf(name).length, 0);

async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await turn();
}

/** A block of 600 bytes, synced; false where the journal takes none. */
async function add(journal: Journal): Promise<boolean> {
  const taken = journal.append(block(device, seqOf(journal), 1, 600));
  await settle();
  return taken;
}

/** Kafka has all of it. */
async function commit(disk: SimulatedDisk, journal: Journal): Promise<void> {
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  const last = all.filter(({ record }) => record.kind === 'block').at(-1)!;
  journal.confirm(positionOf(journal, last), [[device, 1]]);
  await settle();
}

async function seqs(disk: SimulatedDisk, journal: Journal): Promise<number[]> {
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  return all.flatMap(({ record }) => (record.kind === 'block' ? [record.first] : []));
}

test('kept for as long as it says behind the commit, and gone without an event to remind it', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const journal = await open(disk, clock);
  for (let at = 0; at < 6; at++) await add(journal);
  clock.aheadMs += 100 * hourMs;
  clock.runTimers();
  await settle();
  assert.is(journal.keptBytes, 0, 'nothing is committed');
  await commit(disk, journal);
  assert.equal(await seqs(disk, journal), [0, 1, 2, 3, 4, 5]);
  assert.ok(journal.keptBytes > 2_000);
  clock.aheadMs += 47 * hourMs;
  clock.runTimers();
  await settle();
  assert.equal(await seqs(disk, journal), [0, 1, 2, 3, 4, 5], 'an hour too early');
  clock.aheadMs += hourMs;
  clock.runTimers();
  await settle();
  assert.equal(await seqs(disk, journal), [4, 5], 'the segment with the position stays');
  assert.is(journal.keptBytes, 0);
  await journal.close();
});

test('never in the way: the oldest go first, one segment after the other, and the cap holds', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const journal = await open(disk, clock);
  let most = 0;
  for (let seq = 0; seq < 60; seq++) {
    assert.ok(await add(journal), `event ${seq} was refused`);
    assert.ok(journal.writable);
    await commit(disk, journal);
    assert.is(journal.bytes, segmentBytes(disk));
    assert.ok(journal.bytes <= journal.bytesMax, `${journal.bytes}`);
    const held = await seqs(disk, journal);
    assert.equal(
      held,
      held.map((_, at) => seq - held.length + 1 + at),
      'no hole',
    );
    most = Math.max(most, held.length);
    if (seq > 20) assert.ok(held.length >= 10, `only ${held.length} of them are kept`);
  }
  assert.ok(most >= 14, `at most ${most} were kept`);
  await journal.close();
});

test('a burst is taken whole while only what is kept is in its way', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const journal = await open(disk, clock);
  for (let at = 0; at < 16; at++) await add(journal);
  await commit(disk, journal);
  for (let at = 0; at < 14; at++) assert.ok(journal.append(block(device, seqOf(journal), 1, 600)));
  await settle();
  assert.is(journal.pendingBytes, 0);
  assert.ok(segmentBytes(disk) <= journal.bytesMax, `${segmentBytes(disk)}`);
  assert.equal((await seqs(disk, journal)).slice(-14)[0], 16);
  await journal.close();
});

test('what Kafka has not is never let go: then the cap refuses events', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const journal = await open(disk, clock);
  for (let at = 0; at < 4; at++) await add(journal);
  await commit(disk, journal);
  let taken = 4;
  while (await add(journal)) taken++;
  assert.ok(taken > 14 && taken < 25, `${taken}`);
  assert.is(journal.troubleKind, 'cap');
  const held = await seqs(disk, journal);
  assert.ok(held[0]! <= 4 && held.at(-1) === taken - 1 && held.length === taken - held[0]!);
  await commit(disk, journal);
  assert.ok(journal.writable);
  assert.ok(await add(journal));
  await journal.close();
});

test('an opening knows since when, and is never too early', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const first = await open(disk, clock);
  for (let at = 0; at < 4; at++) await add(first);
  await commit(disk, first);
  clock.aheadMs += 30 * hourMs;
  for (let at = 0; at < 6; at++) {
    await add(first);
    await commit(disk, first);
  }
  await first.close();
  clock.aheadMs += 10 * hourMs;
  const second = await open(disk, clock);
  assert.is((await seqs(disk, second))[0], 0);
  // 0 to 3 were committed before the 30 hours, and what says so was written behind them.
  clock.aheadMs += 37 * hourMs;
  clock.runTimers();
  await settle();
  assert.is((await seqs(disk, second))[0], 0);
  clock.aheadMs += 2 * hourMs;
  clock.runTimers();
  await settle();
  const [oldest = 0] = await seqs(disk, second);
  assert.ok(oldest > 0 && oldest <= 8, `${oldest}`);
  await second.close();
});

test('a disk that others have filled gets them back, one segment a try', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new HourClock(new Random(7));
  const journal = await open(disk, clock);
  for (let at = 0; at < 12; at++) await add(journal);
  await commit(disk, journal);
  const before = segments(disk).length;
  disk.bytesMax = disk.usedBytes;
  let failed = 0;
  journal.onFailed(() => failed++);
  let least = before;
  for (let tries = 0; tries < 40 && seqOf(journal) < 20; tries++) {
    const held = segments(disk).length;
    await add(journal);
    clock.runTimers();
    await settle();
    assert.ok(segments(disk).length >= held - 2, 'more than a try needs');
    least = Math.min(least, segments(disk).length);
  }
  assert.ok(failed > 0, 'the disk was never full');
  assert.is(seqOf(journal), 20);
  assert.ok(least < before, 'none was let go');
  await journal.close();
});

test('without it nothing is kept', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const journal = await open(disk, new HourClock(new Random(7)), { keepCommittedMs: 0 });
  for (let at = 0; at < 8; at++) await add(journal);
  await commit(disk, journal);
  assert.ok(segments(disk).length <= 2);
  assert.is(journal.keptBytes, 0);
  await journal.close();
});

test.run();

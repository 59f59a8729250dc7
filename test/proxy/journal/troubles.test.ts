import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../../proxy/clock.js';
import { openJournal } from '../../../proxy/journal/journal.js';
import { reserveName } from '../../../proxy/journal/reserve.js';
import { watchJournal } from '../../../proxy/journal/watch.js';
import { Random } from '../../random.js';
import { MemoryJournal } from '../memory-journal.js';
import { block, boot, positionOf, readAll } from './records.js';
import { SimulatedDisk } from './simulated-disk.js';
import { folder, StillClock, turn } from './still-clock.js';

// What keeps a journal going while its disk refuses, and what the log says of it.

const device = 'press-07';
const segmentBytes = 100_000;

async function open(disk: SimulatedDisk) {
  const clock = new StillClock(new Random(7));
  const journal = await openJournal({
    ...{ folder, disk: disk.disk, clock, bytesMax: 4 * segmentBytes, segmentBytes },
  });
  return { journal, clock };
}

const reserved = (disk: SimulatedDisk) =>
  disk.names().includes(reserveName) ? disk.bytesOf(reserveName).length : 0;
const segments = (disk: SimulatedDisk) =>
  disk.names().filter((name) => name.endsWith('.segment')).length;

/** Three segments of events, all confirmed but the last, and a slot that the disk made us give away. */
async function fullDisk() {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  for (let event = 0; event < 3; event++) {
    journal.append(block(device, event, 1, 90_000));
    await turn();
  }
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  disk.fault = (call, name) => (name.startsWith('checkpoint') && call === 'sync' ? 'EIO' : null);
  journal.confirm(positionOf(journal, all[1]!), [[device, 2]]);
  await turn();
  disk.fault = null;
  // What the slot had is another's now.
  disk.bytesMax = disk.usedBytes;
  return { disk, journal, clock };
}

test('[J-11] the reserve is made at the first opening, durable, and found again', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal } = await open(disk);
  assert.is(reserved(disk), segmentBytes);
  assert.is(journal.bytes, 64, 'it is outside the cap');
  const after = disk.cut('nothing', new Random(1));
  assert.is(reserved(after), segmentBytes);
  await open(after);
  assert.is(reserved(after), segmentBytes);
});

test('[J-11] it is given up for a checkpoint that finds no room, and made again', async () => {
  const { disk, journal, clock } = await fullDisk();
  assert.is(segments(disk), 3);
  clock.runTimers();
  await turn();
  assert.is(reserved(disk), 0);
  assert.is(segments(disk), 2, 'the confirmed segment went');
  assert.ok(journal.writable);
  disk.bytesMax = Number.POSITIVE_INFINITY;
  for (let event = 3; event < 5; event++) {
    assert.ok(journal.append(block(device, event, 1, 90_000)));
    await turn();
  }
  assert.is(reserved(disk), segmentBytes);
});

test('[J-11] without it nothing would be deleted: what the reserve is for', async () => {
  const { disk, clock } = await fullDisk();
  disk.delete(reserveName);
  disk.bytesMax = disk.usedBytes;
  clock.runTimers();
  await turn();
  assert.is(segments(disk), 3);
});

test('a disk without room for it is no reason not to start', async () => {
  const disk = new SimulatedDisk(new Random(1));
  disk.bytesMax = 2 * segmentBytes;
  const { journal } = await open(disk);
  assert.is(reserved(disk), 0);
  assert.ok(journal.append(block(device, 0)));
  await turn();
  assert.is(journal.places(device)?.get(boot)?.durable, 1);
});

test('trouble of each kind by its name', async () => {
  const disk = new SimulatedDisk(new Random(1));
  const { journal, clock } = await open(disk);
  assert.is(journal.troubleKind, null);
  disk.fault = (call) => (call === 'sync' ? 'EIO' : null);
  journal.append(block(device, 0));
  await turn();
  assert.is(journal.troubleKind, 'disk-error');
  disk.fault = null;
  disk.bytesMax = disk.usedBytes;
  clock.runTimers();
  await turn();
  assert.is(journal.troubleKind, 'no-space');
  disk.bytesMax = Number.POSITIVE_INFINITY;
  clock.runTimers();
  await turn();
  assert.is(journal.troubleKind, null);
  let event = 0;
  while (event < 10 && journal.append(block(device, event, 1, 90_000))) {
    await turn();
    event++;
  }
  assert.is(journal.troubleKind, 'cap');
  await journal.close();
  assert.is(journal.troubleKind, 'closed');
});

test('the log has a line when it begins and one when it is over, however often it comes', () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const lines: string[] = [];
  const note = (fields: object, text: string) => {
    lines.push(`${text}${'unsaid' in fields ? `, unsaid ${fields.unsaid}` : ''}`);
  };
  const journal = new MemoryJournal() as MemoryJournal & { trouble: unknown; troubleKind: unknown };
  const set = (kind: string | null) => {
    Object.assign(journal, { troubleKind: kind, trouble: kind });
    if (kind === 'disk-error') journal.fail();
    journal.setWritable(kind === null);
  };
  watchJournal(journal, clock, { debug: note, info: note, warn: note, error: note });
  for (let time = 0; time < 5; time++) {
    set('disk-error');
    set(null);
    nowMs += 5_000;
  }
  assert.equal(lines, [
    'the journal takes no events: disk-error',
    'the journal takes events again',
  ]);
  set('no-space');
  set('disk-error');
  nowMs += 60_000;
  set(null);
  set('disk-error');
  assert.equal(lines.slice(2), [
    'the journal takes no events: no-space',
    'the journal takes events again',
    'the journal takes no events: disk-error, unsaid 5',
  ]);
});

test.run();

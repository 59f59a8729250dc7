import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Damage } from '../../../proxy/journal/damage.js';
import { JournalError } from '../../../proxy/journal/error.js';
import { parseSegmentName } from '../../../proxy/journal/format.js';
import { openJournal } from '../../../proxy/journal/journal.js';
import { JournalReader } from '../../../proxy/journal/reader.js';
import type { Position } from '../../../proxy/journal/record.js';
import { Random } from '../../random.js';
import { block, positionOf, readAll, tableId } from './records.js';
import { SimulatedDisk } from './simulated-disk.js';
import { folder, StillClock, turn } from './still-clock.js';

// Reading beside the writer, as a lane does (up to the synced end) and as `headwater tail` does.

const device = 'press-07';

async function site() {
  const disk = new SimulatedDisk(new Random(3));
  const clock = new StillClock(new Random(3));
  const journal = await openJournal({
    ...{ folder, disk: disk.disk, clock, bytesMax: 6_000, segmentBytes: 1_500 },
  });
  const reader = new JournalReader({ folder, disk: disk.disk });
  let next = 0;
  const append = async (byteCount: number) => {
    assert.ok(journal.append(block(device, next, 1, byteCount)));
    await turn();
    next = journal.places(device)?.values().next().value?.received ?? 0;
  };
  return { disk, clock, journal, reader, append };
}

async function kindOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof JournalError) return error.kind;
    throw error;
  }
  return 'none';
}

test('every record once and in order, in portions of any size, over segments', async () => {
  const { journal, reader, append } = await site();
  for (let event = 0; event < 6; event++) await append(500);
  for (const bytesMax of [1, 600, 10_000]) {
    const seqs: number[] = [];
    for (let at = await reader.begin(); at < journal.syncedEnd; ) {
      const { located, next } = await reader.read(at, journal.syncedEnd, bytesMax);
      assert.ok(next > at);
      for (const { record } of located) if (record.kind === 'block') seqs.push(record.first);
      at = next;
    }
    assert.equal(seqs, [0, 1, 2, 3, 4, 5]);
  }
});

test('at: the record that starts there, and none between', async () => {
  const { disk, journal, reader, append } = await site();
  for (let event = 0; event < 4; event++) await append(500);
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  for (const located of all) {
    assert.equal((await reader.at(located.offset))?.check, located.check);
    assert.is(await reader.at(located.offset + 8), null);
  }
  assert.is(await reader.at(journal.syncedEnd), null);
});

test('what was deleted is gone, what is damaged is passed over and said, what is missing is damage', async () => {
  const { disk, journal, reader, append } = await site();
  for (let event = 0; event < 6; event++) await append(500);
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  journal.confirm(positionOf(journal, all.at(-1)!), []);
  await turn();
  const begin = await reader.begin();
  assert.ok(begin > 0);
  assert.is(await kindOf(reader.read(0, journal.syncedEnd, 100)), 'gone');
  assert.is(await reader.at(0), null);

  const name = disk.names().find((one) => one.endsWith('.segment'))!;
  const bytes = disk.bytesOf(name);
  bytes[200]! ^= 1;
  disk.put(name, bytes);
  const damage: Damage[] = [];
  const onDamage = (one: Damage) => void damage.push(one);
  const other = new JournalReader({ folder, disk: disk.disk, onDamage });
  const { next } = await other.read(begin, journal.syncedEnd, 10_000);
  assert.is(next, journal.syncedEnd);
  assert.equal(
    damage.map(({ file, what }) => [file, what]),
    [[`${folder}/${name}`, 'record']],
  );
  disk.put(name, bytes.subarray(0, bytes.length - 8));
  const third = new JournalReader({ folder, disk: disk.disk });
  assert.is(await kindOf(third.read(begin, journal.syncedEnd, 10_000)), 'damaged');
});

test('[J-33] isDamagedAt: the record that a position names, and no other', async () => {
  const { disk, journal, append } = await site();
  for (let event = 0; event < 6; event++) await append(200);
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  const hit = all[1]!;
  const position = positionOf(journal, hit);
  const parsed = disk.names().map(parseSegmentName);
  const at = parsed.findIndex((one) => one?.generation === hit.generation);
  const name = disk.names()[at]!;
  const sound = disk.bytesOf(name);
  const ask = (about: Partial<Position>) => {
    const reader = new JournalReader({ folder, disk: disk.disk });
    return reader.isDamagedAt({ ...position, ...about });
  };
  const flip = (offset: number) => {
    const bytes = Buffer.from(sound);
    bytes[offset - parsed[at]!.start]! ^= 1;
    disk.put(name, bytes);
  };
  assert.is(await ask({}), false, 'it is sound');

  flip(hit.offset + 40);
  assert.is(await ask({}), true, 'its payload is damaged');
  assert.is(await ask({ check: position.check ^ 1 }), false, 'of a clone that grew otherwise');
  assert.is(await ask({ generation: position.generation + 1 }), false);
  assert.is(await ask({ end: position.end + 8 }), false);
  assert.is(await ask({ offset: position.offset + 8 }), false);

  flip(hit.offset + 9);
  assert.is(await ask({}), true, 'its header is damaged: where it begins and ends is left');

  flip(all[0]!.offset + 40);
  assert.is(await ask({}), false, 'the one before it is damaged');
  disk.put(name, sound.subarray(0, hit.offset - parsed[at]!.start + 40));
  assert.is(await ask({}), false, 'bytes that are missing are no damaged record');
});

test('[J-33] isDamagedAt: a position behind the end of an older copy is none', async () => {
  const { disk, journal, append } = await site();
  for (let event = 0; event < 3; event++) await append(60);
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  const last = all.at(-1)!;
  const position = positionOf(journal, last);
  const name = disk.names().find((one) => {
    return parseSegmentName(one)?.generation === last.generation;
  })!;
  const { start } = parseSegmentName(name)!;
  for (const cut of [last.offset, all.at(-2)!.offset, last.offset + 40]) {
    const bytes = disk.bytesOf(name);
    disk.put(name, bytes.subarray(0, cut - start));
    const reader = new JournalReader({ folder, disk: disk.disk });
    assert.is(await reader.isDamagedAt(position), false, `cut at ${cut}`);
    disk.put(name, bytes);
  }
});

test('tables: of the checkpoint, and of the records behind it', async () => {
  const { journal, reader, append } = await site();
  journal.append({ kind: 'table', device, id: tableId, bytes: new Uint8Array([1]) });
  await append(700);
  await append(700);
  journal.append({ kind: 'table', device: 'kiln', id: tableId, bytes: new Uint8Array([2]) });
  await append(100);
  const tables = await reader.readTables();
  assert.equal(
    tables.map(({ device: name, bytes }) => [name, [...bytes]]),
    [
      [device, [1]],
      ['kiln', [2]],
    ],
  );
});

test('a journal that was never begun has no id', async () => {
  const empty = new SimulatedDisk(new Random(1));
  const reader = new JournalReader({ folder, disk: empty.disk });
  assert.is(await reader.id(), null);
  assert.equal([await reader.begin(), await reader.end()], [0, 0]);
});

for (const emptySegment of [false, true]) {
  const where = emptySegment ? 'a segment of its own' : 'a segment with others';
  test(`following over a group whose sync failed, in ${where}`, async () => {
    const { disk, clock, journal, reader, append } = await site();
    if (!emptySegment) await append(300);
    const before = await reader.end();
    disk.fault = (call, name) => (call === 'sync' && name.endsWith('.segment') ? 'EIO' : null);
    // Longer than what comes after it, so that its end lies within a later record.
    journal.append(block(device, emptySegment ? 0 : 1, 1, 900));
    let next = before;
    disk.afterCall = async (call) => {
      if (call !== 'sync') return;
      disk.afterCall = null;
      next = await reader.end();
    };
    await turn();
    disk.fault = null;
    clock.runTimers();
    await turn();
    const seqs: number[] = [];
    for (let event = 0; event < 4; event++) {
      await append(500);
      const end = await reader.end();
      next = Math.min(next, reader.rewound ?? next);
      for (; next < end; ) {
        const batch = await reader.read(next, end, 10_000);
        for (const { record } of batch.located) {
          if (record.kind === 'block') seqs.push(record.first);
        }
        next = batch.next;
      }
    }
    assert.equal(seqs, emptySegment ? [0, 1, 2, 3] : [1, 2, 3, 4]);
  });
}

test.run();

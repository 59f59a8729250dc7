// How old what waits is after a restart: the first event's arrival, and behind it no more than a segment too old.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openJournal } from '../../proxy/journal/journal.js';
import { JournalReader } from '../../proxy/journal/reader.js';
import { waitingSince } from '../../proxy/waiting.js';
import { Random } from '../random.js';
import { block, boot, positionOf, readAll } from './journal/records.js';
import { SimulatedDisk } from './journal/simulated-disk.js';
import { folder, StillClock, turn } from './journal/still-clock.js';

const device = 'press-07';

class SetClock extends StillClock {
  aheadMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.aheadMs;
  }
}

async function filled(committed: number) {
  const disk = new SimulatedDisk(new Random(1));
  const clock = new SetClock(new Random(7));
  const journal = await openJournal({
    ...{ folder, disk: disk.disk, clock, bytesMax: 60_000, segmentBytes: 1_500 },
  });
  const arrivals: number[] = [];
  for (let seq = 0; seq < 12; seq++) {
    clock.aheadMs += 60_000;
    arrivals.push(clock.nowMs());
    journal.append({ ...block(device, seq, 1, 600), arrivalMs: arrivals[seq]! });
    await turn();
    await turn();
  }
  assert.is(journal.places(device)?.get(boot)?.durable, 12);
  const all = await readAll(disk.disk, folder, journal.syncedEnd);
  const records = all.filter(({ record }) => record.kind === 'block');
  if (committed > 0) {
    journal.confirm(positionOf(journal, records[committed - 1]!), [[device, committed]]);
    await turn();
  }
  return { disk, journal, arrivals, records };
}

for (const committed of [0, 1, 5, 11]) {
  test(`${committed} of 12 events are committed`, async () => {
    const { disk, journal, arrivals, records } = await filled(committed);
    const reader = new JournalReader({ folder, disk: disk.disk });
    const ages = await waitingSince(reader, journal);
    await reader.close();
    assert.is(ages[0]?.sinceMs, arrivals[committed]);
    for (const [seq, { end }] of records.entries()) {
      if (seq < committed) continue;
      const age = ages.find((one) => end <= one.end)!;
      // The segment is made behind the arrival of its first.
      assert.ok(age.sinceMs <= arrivals[seq]! + 1_000, `${seq}: too young`);
      // A segment holds two of them.
      assert.ok(age.sinceMs >= arrivals[Math.max(committed, seq - 2)]!, `${seq}: too old`);
    }
    await journal.close();
  });
}

test('nothing waits', async () => {
  const { disk, journal } = await filled(12);
  const reader = new JournalReader({ folder, disk: disk.disk });
  assert.equal(await waitingSince(reader, journal), []);
  await reader.close();
  await journal.close();
});

test.run();

// The name that adoption gave a journal: durable when it was written, the newest that is whole counts, and no other journal's.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Adoption, readAdoption, writeAdoption } from '../../../proxy/journal/adoption.js';
import { Random } from '../../random.js';
import { SimulatedDisk } from './simulated-disk.js';

const id = 'aa'.repeat(16);
const named = (digit: string, until: number): Adoption => ({
  ...{ name: digit.repeat(32), id, until, at: '2026-11-27T08:00:00.000Z', host: 'edge-1:7' },
});

test('none, then the newest; the power may go as soon as it is written', async () => {
  let disk = new SimulatedDisk(new Random(1));
  assert.is(await readAdoption(disk.disk, 'j', id), null);
  for (const [index, adoption] of [named('1', 64), named('2', 640)].entries()) {
    await writeAdoption(disk.disk, 'j', adoption);
    disk = disk.cut('nothing', new Random(index));
    assert.equal(await readAdoption(disk.disk, 'j', id), adoption);
  }
});

test("another journal's counts for nothing, and a torn one leaves the one before", async () => {
  const disk = new SimulatedDisk(new Random(1));
  await writeAdoption(disk.disk, 'j', named('1', 64));
  assert.is(await readAdoption(disk.disk, 'j', 'bb'.repeat(16)), null);
  for (const text of ['', '{"name":"22', '{}', 'null', '\0\0\0']) {
    disk.put('.adopted-2', Buffer.from(text));
    assert.equal(await readAdoption(disk.disk, 'j', id), named('1', 64));
  }
});

test('a power cut while it is written leaves the one before, or this one', async () => {
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimulatedDisk(new Random(seed));
    await writeAdoption(disk.disk, 'j', named('1', 64));
    const cuts: SimulatedDisk[] = [];
    disk.afterCall = () => {
      cuts.push(disk.cut('any', new Random(seed)));
    };
    await writeAdoption(disk.disk, 'j', named('2', 640));
    for (const cut of cuts) {
      const found = await readAdoption(cut.disk, 'j', id);
      assert.ok(found?.name === '1'.repeat(32) || found?.name === '2'.repeat(32));
    }
  }
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFeed, type LaneReader } from '../../../proxy/kafka/feed.js';
import { TestClock } from '../talk.js';
import { createMemoryJournal, toRecords } from './memory-journal.js';

// What is read when: a read costs the same for one record and for many.

const limits = {
  recordsMax: 500,
  bytesMax: 1 << 20,
  lingerMs: 20,
  blocksMax: 1_000,
  passedBytesMax: 1 << 20,
};

function scene() {
  const clock = new TestClock();
  const journal = createMemoryJournal();
  const reads: number[] = [];
  const reader: LaneReader = {
    ...journal.reader,
    async read(from, until, bytesMax) {
      const read = await journal.reader.read(from, until, bytesMax);
      reads.push(read.located.length);
      return read;
    },
  };
  const feed = createFeed({
    ...{ lane: 0, journalId: journal.id, from: 0, reader, toRecords, limits, clock },
  });
  const syncBlock = async (count: number) => {
    journal.block(count);
    feed.syncedEnd(journal.end);
    await turn();
  };
  return { clock, journal, reads, feed, syncBlock };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

const test = suite('feed');

test('what is synced bit by bit within the linger is read once', async () => {
  const { clock, journal, reads, feed, syncBlock } = scene();
  const taken = feed.take();
  await turn();
  for (let n = 0; n < 6; n++) {
    await syncBlock(1);
    clock.advance(3);
    await turn();
  }
  assert.equal(reads, []);
  clock.advance(2);
  const batch = await taken;
  assert.equal(reads, [6]);
  assert.is(batch?.records.length, 6);
  assert.is(batch?.position.end, journal.end);
});

test('the linger begins with the first record, not with the wait before it', async () => {
  const { clock, reads, feed, syncBlock } = scene();
  const taken = feed.take();
  clock.advance(1_000);
  await syncBlock(1);
  assert.equal(reads, []);
  clock.advance(20);
  assert.is((await taken)?.records.length, 1);
});

test('what may fill a batch is read at once', async () => {
  const { reads, feed, journal } = scene();
  const taken = feed.take();
  for (let n = 0; n < 200; n++) journal.block(5);
  feed.syncedEnd(journal.end);
  const batch = await taken;
  assert.equal(reads, [200]);
  assert.is(batch?.records.length, 500);
});

test('records that give nothing begin no linger', async () => {
  const { clock, reads, feed, journal, syncBlock } = scene();
  const taken = feed.take();
  journal.other('table');
  feed.syncedEnd(journal.end);
  await turn();
  clock.advance(20);
  await turn();
  assert.equal(reads, [1]);
  clock.advance(100);
  await syncBlock(1);
  assert.equal(reads, [1], 'its own linger begins');
  clock.advance(20);
  assert.is((await taken)?.records.length, 1);
});

test.run();

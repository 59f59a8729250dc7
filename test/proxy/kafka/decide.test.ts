import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Position } from '../../../proxy/journal/record.js';
import { decide, startOf } from '../../../proxy/kafka/decide.js';
import { createMemoryJournal } from './memory-journal.js';

const journal = createMemoryJournal();
for (let i = 0; i < 10; i++) journal.block(1);

/** The position of the n-th record. */
function at(n: number): Position {
  const one = journal.records[n]!;
  const { generation, offset, end, check } = one;
  return { lane: 0, journal: journal.id, generation, offset, end, check };
}

async function decision(
  kafka: Position | null,
  confirmed: Position | null,
  begin = 0,
  named = kafka && journal.records.find(({ offset }) => offset === kafka.offset),
) {
  const { id } = journal;
  return decide({ journal: id, begin, confirmed, kafka, named: named ?? null });
}

test('none, ours none: first start, from the beginning', async () => {
  assert.equal(await decision(null, null, 200), { kind: 'first-start', from: 200 });
});

test('none, ours exists: Kafka was replaced, go on from ours', async () => {
  const found = await decision(null, at(3));
  assert.is(found.kind, 'kafka-lost');
  assert.is(found.kind === 'kafka-lost' && found.from, 400);
});

test('another journal id: refuse', async () => {
  const found = await decision({ ...at(3), journal: 'ff'.repeat(16) }, null);
  assert.is(found.kind === 'refuse' && found.why, 'foreign-journal');
  const confirmed = await decision({ ...at(3), journal: 'ff'.repeat(16) }, at(3));
  assert.is(confirmed.kind, 'refuse');
});

test('another journal id where Kafka has all that was acknowledged: a new journal goes on, a used one not', async () => {
  const { id } = journal;
  const kafka = { ...at(3), journal: 'ff'.repeat(16) };
  const evidence = { journal: id, begin: 200, kafka, named: null, isByKafka: true };
  const found = decide({ ...evidence, confirmed: null });
  assert.is(found.kind === 'successor' && found.from, 200);
  assert.is(decide({ ...evidence, confirmed: at(3) }).kind, 'refuse');
});

test('the very one that is ours: restart, its record may be gone', async () => {
  assert.equal(await decision(at(3), at(3)), { kind: 'restart', from: 400 });
  assert.equal(await decision(at(3), at(3), 400, null), { kind: 'restart', from: 400 });
});

test('held, and ahead of ours or ours none: restart at Kafka', async () => {
  assert.equal(await decision(at(5), at(3)), { kind: 'restart', from: 600 });
  assert.equal(await decision(at(5), null), { kind: 'restart', from: 600 });
});

test('held, and before ours: Kafka lost data, go on from ours', async () => {
  const found = await decision(at(2), at(5));
  assert.is(found.kind === 'kafka-lost' && found.from, 600);
});

test('before the beginning and before ours: Kafka lost data', async () => {
  const found = await decision(at(2), at(5), 400, null);
  assert.is(found.kind === 'kafka-lost' && found.from, 600);
});

test('another record there, in any of its marks: refuse', async () => {
  for (const other of [
    { ...at(5), check: 1 },
    { ...at(5), end: 601 },
    { ...at(5), generation: 2 },
  ]) {
    for (const confirmed of [null, at(3), at(5), at(8)]) {
      const found = await decision(other, confirmed);
      assert.is(found.kind === 'refuse' && found.why, 'other-record');
    }
  }
});

test('no record there: refuse', async () => {
  const beyond = { ...at(9), offset: 2000, end: 2100 };
  assert.is((await decision(beyond, null)).kind, 'refuse');
  assert.is((await decision(beyond, at(5))).kind, 'refuse');
  assert.is((await decision(at(2), null, 400, null)).kind, 'refuse');
});

test('the beginning of an adopted journal names no record: restart there, until ours is ahead of it', async () => {
  const start = startOf(journal.id, 0, 200);
  assert.equal(await decision(start, null, 200), { kind: 'restart', from: 200 });
  const found = await decision(start, at(5), 200);
  assert.is(found.kind === 'kafka-lost' && found.from, 600);
  const foreign = { ...start, journal: 'ff'.repeat(16) };
  assert.is((await decision(foreign, null)).kind, 'refuse');
});

test('a refusal says what to do', async () => {
  const found = await decision({ ...at(3), journal: 'ff'.repeat(16) }, null);
  assert.match(found.kind === 'refuse' ? found.message : '', /`site`.*`headwater journal adopt`/);
});

test.run();

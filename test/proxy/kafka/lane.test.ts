import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { JournalError } from '../../../proxy/journal/error.js';
import type { Located } from '../../../proxy/journal/record.js';
import { toLetter } from '../../../proxy/kafka/letters.js';
import type { SinkErrorKind, SinkRecord } from '../../../proxy/kafka/sink.js';
import { steppedClock, watchLane } from './lane-site.js';
import { createMemoryJournal, toRecords } from './memory-journal.js';
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.js';

function seqs(kafka: MemoryKafka): number[] {
  return kafka.committed.map(({ value }) => Number(Buffer.from(value).toString()));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, seq) => seq);
}

test('everything below the synced end, in order, nothing beyond it', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let i = 0; i < 30; i++) journal.block(10);
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  journal.block(5);
  journal.block(5);
  site.lane.syncedEnd(journal.end - 100);
  await site.until('flowing');
  while (kafka.committed.length < 305) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(seqs(kafka), upTo(305));
  assert.is(site.books.get('press-07'), 305);
  assert.is(kafka.transactions, 4, 'three full batches and the rest');
  await site.lane.stop();
  assert.is(await site.lane.done, 'stopped');
  assert.is(kafka.open, 0, 'no sink stays open');
});

test('a lane begins where its number came into force, whatever it had before', async () => {
  const journal = createMemoryJournal();
  for (let i = 0; i < 6; i++) journal.block(1);
  const at = (record: number) => {
    const { generation, offset, end, check } = journal.records[record]!;
    return { lane: 0, journal: journal.id, generation, offset, end, check };
  };
  const begin = at(3).end;
  // What it had confirmed when there were others before, what only Kafka knows of it, and nothing.
  for (const [confirmed, kafkas] of [
    [at(0), at(0)],
    [at(0), at(1)],
    [null, null],
  ]) {
    const kafka = createMemoryKafka();
    kafka.position = kafkas ?? null;
    const site = watchLane(kafka.openSink, journal, { begin, confirmed: confirmed ?? null });
    await site.drained(journal);
    assert.equal(seqs(kafka), [4, 5]);
    assert.is(site.books.get('press-07'), 2, 'and nothing before is counted again');
    await site.lane.stop();
  }
});

test("the start reads before it fences, and doesn't fence where it refuses", async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(1);
  kafka.position = {
    lane: 0,
    journal: 'ff'.repeat(16),
    generation: 1,
    offset: 0,
    end: 9,
    check: 1,
  };
  const site = watchLane(kafka.openSink, journal);
  assert.is(await site.lane.done, 'refused');
  assert.is(kafka.fences, 0);
  assert.is(site.lines.length, 1);
  assert.match(site.lines[0]!, 'ff'.repeat(16));
});

test('a position that came between the read and the fence is seen', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let i = 0; i < 5; i++) journal.block(1);
  kafka.gate = async (call) => {
    if (call !== 'fence') return;
    const { generation, offset, end, check } = journal.records[2]!;
    kafka.position = { lane: 0, journal: journal.id, generation, offset, end, check };
  };
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  assert.equal(seqs(kafka), [3, 4]);
  await site.lane.stop();
});

const failures: (SinkErrorKind | 'applied')[] = ['unreachable', 'unanswered', 'epoch', 'applied'];
for (const kind of failures) {
  test(`a transaction that fails with '${kind}' is neither lost nor repeated`, async () => {
    const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
    for (let i = 0; i < 30; i++) journal.block(10);
    let calls = 0;
    kafka.fault = (call) => (call === 'transaction' && ++calls % 2 === 1 ? kind : null);
    const site = watchLane(kafka.openSink, journal);
    await site.drained(journal);
    assert.equal(seqs(kafka), upTo(300));
    assert.is(site.books.get('press-07'), 300);
    assert.ok(kafka.fences > 1, 'each failure takes a new start');
    await site.lane.stop();
  });
}

for (const call of ['read', 'fence'] as const) {
  test(`a start that fails in ${call} is tried again, and said once`, async () => {
    const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
    journal.block(3);
    let left = 4;
    kafka.fault = (name) => (name === call && left-- > 0 ? 'unreachable' : null);
    const site = watchLane(kafka.openSink, journal);
    await site.drained(journal);
    assert.equal(seqs(kafka), upTo(3));
    assert.is(site.lines.length, 2, site.lines.join(' | '));
    assert.match(site.lines[1]!, 'flows again');
    assert.is(site.count('restarts'), 4);
    await site.lane.stop();
  });
}

test('killed after the commit, before anybody was told: the books still balance', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let i = 0; i < 7; i++) journal.block(10, { device: `press-${i % 2}` });
  const first = watchLane(kafka.openSink, journal);
  await first.drained(journal);
  await first.lane.stop();
  const { position } = kafka;
  assert.ok(position);
  const { generation, offset, end, check } = journal.records[1]!;
  const confirmed = { lane: 0, journal: journal.id, generation, offset, end, check };
  journal.block(4, { device: 'press-0' });
  const second = watchLane(kafka.openSink, journal, { confirmed });
  await second.drained(journal);
  // The journal knew of the first two blocks: one of each device.
  assert.equal([...second.books].sort(), [
    ['press-0', 34],
    ['press-1', 20],
  ]);
  const recovered = second.events.filter((one) => one.kind === 'committed' && one.recovered);
  assert.is(recovered.length, 1);
  assert.is(kafka.committed.length, 74);
  await second.lane.stop();
});

test('a copy that grew on its own is refused; the original goes on', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  const copy = journal.copy();
  journal.block(2);
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  copy.block(2);
  copy.block(2);
  const clone = watchLane(kafka.openSink, copy);
  assert.is(await clone.lane.done, 'refused');
  journal.block(1);
  site.lane.syncedEnd(journal.end);
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(5));
  assert.is(kafka.fences, 1);
  await site.lane.stop();
});

test('fenced by another proxy: stops with one line; the other goes on', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  const other = watchLane(kafka.openSink, journal, { host: 'other:1' });
  await other.until('flowing');
  journal.block(2);
  site.lane.syncedEnd(journal.end);
  assert.is(await site.lane.done, 'fenced');
  assert.match(site.lines.at(-1)!, 'other:1');
  other.lane.syncedEnd(journal.end);
  await other.drained(journal);
  assert.equal(seqs(kafka), upTo(4));
  await other.lane.stop();
});

test('of several lanes the first says whose the others are: taken, one is claimed again, and the other proxy goes', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let n = 0; n < 2; n++) journal.block(1, { lane: 1 });
  const first = { lane: 0, owner: 'a', proxy: '', journal: journal.id, host: 'the first:1' };
  const lane = { lane: 1, firstClaim: async () => first };
  first.proxy = 'this';
  const site = watchLane(kafka.openSink, journal, { ...lane, proxy: 'this' });
  await site.drained(journal);
  const other = watchLane(kafka.openSink, journal, { ...lane, proxy: 'other', host: 'other:1' });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal([other.lane.state, kafka.fences], ['starting', 1], 'it has not the first lane');
  first.proxy = 'other';
  await other.until('flowing');
  first.proxy = 'this';
  for (let n = 0; n < 2; n++) journal.block(1, { lane: 1 });
  site.lane.syncedEnd(journal.end);
  await site.drained(journal);
  other.lane.syncedEnd(journal.end);
  journal.block(1, { lane: 1 });
  other.lane.syncedEnd(journal.end);
  assert.is(await other.lane.done, 'fenced');
  assert.match(other.lines.at(-1)!, 'the first:1');
  site.lane.syncedEnd(journal.end);
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(5));
  await site.lane.stop();
});

test('a mistaken one that fences before it sees the position ends alone', async () => {
  const [kafka, journal, other] = [
    createMemoryKafka(),
    createMemoryJournal(),
    createMemoryJournal(),
  ];
  journal.block(2);
  other.block(2);
  let late = () => {};
  let held = false;
  kafka.gate = (call) => {
    if (call !== 'fence' || held) return Promise.resolve();
    held = true;
    return new Promise((resolve) => {
      late = resolve;
    });
  };
  const mistaken = watchLane(kafka.openSink, other);
  while (!held) await new Promise((resolve) => setTimeout(resolve, 1));
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  late();
  assert.is(await mistaken.lane.done, 'refused');
  journal.block(2);
  site.lane.syncedEnd(journal.end);
  await site.drained(journal);
  await site.lane.stop();
  assert.equal(seqs(kafka), upTo(4));
  assert.is(mistaken.lines.length, 1);
});

test('ack: kafka: a new journal goes on in the place of a lost one, and the one before stops', async () => {
  const [kafka, lost, journal] = [
    createMemoryKafka(),
    createMemoryJournal(),
    createMemoryJournal(),
  ];
  lost.block(2);
  const before = watchLane(kafka.openSink, lost, { isByKafka: true });
  await before.drained(lost);
  journal.block(3);
  const next = watchLane(kafka.openSink, journal, { isByKafka: true });
  await next.drained(journal);
  assert.is(next.lines.length, 1);
  assert.match(next.lines[0]!, new RegExp(`is of journal ${lost.id}.*goes on in its place`));
  lost.block(2);
  before.lane.syncedEnd(lost.end);
  assert.is(await before.lane.done, 'fenced');
  assert.is(kafka.position?.journal, journal.id);
  await next.lane.stop();
  assert.is(kafka.committed.length, 5);
});

test('cut off and replaced meanwhile: it does not fence its successor when it is back', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  let away = false;
  const reached = kafka.openSink;
  const cutOff = () => {
    const sink = reached();
    const { transaction } = sink;
    sink.transaction = (...words) => {
      const failing = away;
      away = false;
      return failing ? Promise.reject(new Error('cut off')) : transaction(...words);
    };
    return sink;
  };
  const site = watchLane(cutOff, journal);
  await site.drained(journal);
  const other = watchLane(kafka.openSink, journal, { host: 'other:1' });
  await other.until('flowing');
  away = true;
  journal.block(2);
  site.lane.syncedEnd(journal.end);
  assert.is(await site.lane.done, 'fenced');
  other.lane.syncedEnd(journal.end);
  await other.drained(journal);
  assert.is(kafka.fences, 2);
  await other.lane.stop();
});

test('a claim of the proxy before that arrives late is older than a claim that never arrived', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  let fences = 0;
  kafka.fault = (call) => {
    if (call !== 'fence' || ++fences > 1) return null;
    kafka.claim = { lane: 0, owner: 'before', journal: journal.id, host: 'test' };
    return 'unanswered';
  };
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(2));
  await site.lane.stop();
});

test('whose lane it is can not be read: it waits for the answer, and fences nobody', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  const other = watchLane(kafka.openSink, journal, { host: 'other:1' });
  await other.until('flowing');
  const fences = kafka.fences;
  let left = 3;
  kafka.fault = (call) => (call === 'read' && left-- > 0 ? 'unreachable' : null);
  journal.block(2);
  site.lane.syncedEnd(journal.end);
  assert.is(await site.lane.done, 'fenced');
  assert.is(kafka.fences, fences);
  assert.is(left, -1);
  await other.lane.stop();
});

test('what the journal must hold is gone: the lane ends with one line, behind what was sound', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let i = 0; i < 6; i++) journal.block(1);
  const { read } = journal.reader;
  const hole = journal.records[4]!.offset;
  const torn = new JournalError('damaged', 'one.segment ends at offset 400; put it back');
  journal.reader.read = (from, until, bytesMax) =>
    from >= hole ? Promise.reject(torn) : read(from, Math.min(until, hole), bytesMax);
  const site = watchLane(kafka.openSink, journal);
  assert.is(await site.lane.done, 'refused');
  assert.equal(seqs(kafka), upTo(4));
  assert.equal(site.lines, ['lane 0: one.segment ends at offset 400; put it back']);
});

test('a missing topic holds the lane, says so once, and flows when it is there', async () => {
  const [kafka, journal] = [createMemoryKafka([]), createMemoryJournal()];
  journal.block(3);
  const site = watchLane(kafka.openSink, journal);
  await site.until('held');
  const { fences } = kafka;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  kafka.topics.add('events');
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(3));
  assert.is(site.lines.length, 2, site.lines.join(' | '));
  assert.is(kafka.fences, fences, 'no new start');
  await site.lane.stop();
});

test('what gives no Kafka records is passed without a transaction', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(1);
  journal.other('table');
  journal.block(1, { lane: 1 });
  journal.block(1);
  journal.other('table');
  const site = watchLane(kafka.openSink, journal);
  while (kafka.committed.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  journal.other('table');
  site.lane.syncedEnd(journal.end);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(kafka.transactions, 1);
  assert.is(kafka.committed.length, 2);
  // More than 1 MiB of it moves the position, so that segments can go.
  for (let i = 0; i < 10_600; i++) journal.other('table');
  site.lane.syncedEnd(journal.end);
  while (kafka.transactions < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.is(kafka.committed.length, 2);
  await site.lane.stop();
});

/** Refuses transactions that hold such a record. */
const refuseRecords = (
  kafka: MemoryKafka,
  isBad: (value: string, record: SinkRecord) => boolean,
) => {
  kafka.fault = (call, records) => {
    const bad = records.some((one) => isBad(String(one.value), one));
    return call === 'transaction' && bad ? 'refused' : null;
  };
};

test('poisoned records of a block go to the dead letters, and no other one', async () => {
  const [kafka, journal] = [createMemoryKafka(['events', 'dead']), createMemoryJournal()];
  for (let i = 0; i < 20; i++) journal.block(5);
  const poisoned = ['51', '54', '70'];
  refuseRecords(kafka, (value, { topic }) => topic === 'events' && poisoned.includes(value));
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  const letters = kafka.committed.filter(({ topic }) => topic === 'dead');
  assert.equal(
    letters.map(({ value }) => String(value)),
    poisoned,
  );
  for (const { headers } of letters) {
    assert.is(headers['hw-topic'], 'events');
    assert.match(headers['hw-why'] ?? '', 'refused');
    assert.ok(Number(headers['hw-timestamp']) > 0);
  }
  assert.equal(seqs(kafka), upTo(100), 'the order is kept');
  assert.is(site.letters(), 3);
  assert.is(site.books.get('press-07'), 100);
  await site.lane.stop();
});

test('a block that is refused only as one request goes in several, without a letter', async () => {
  const [kafka, journal] = [createMemoryKafka(['events', 'dead']), createMemoryJournal()];
  journal.block(4);
  kafka.fault = (call, records) =>
    call === 'transaction' && records.length > 1 ? 'refused' : null;
  const { openSink } = kafka;
  // What is sent apart is refused one by one: here none is.
  kafka.openSink = () => {
    const sink = openSink();
    const { transaction } = sink;
    sink.transaction = (records, position, isApart) => {
      const { fault } = kafka;
      if (isApart) kafka.fault = () => null;
      return transaction(records, position, isApart).finally(() => {
        kafka.fault = fault;
      });
    };
    return sink;
  };
  const site = watchLane(kafka.openSink, journal);
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(4));
  assert.is(site.letters(), 0);
  await site.lane.stop();
});

test('a loss by damage that becomes a letter is still counted as dropped', () => {
  const record = { ...toRecords(createdBlock())[0]!, dropped: 3 };
  const letter = toLetter(record, { why: 'refused', isCut: false }, 'dead', 5);
  assert.is(letter.dropped, 3);
  assert.equal([letter.topic, letter.headers['hw-topic']], ['dead', 'events']);
});

test('a letter that is refused goes without its end, and the whole value is kept', async () => {
  const [kafka, journal] = [createMemoryKafka(['events', 'dead']), createMemoryJournal()];
  journal.block(3);
  const long = 'x'.repeat(5000);
  refuseRecords(kafka, (value) => value === long);
  const kept: [string, number][] = [];
  const site = watchLane(kafka.openSink, journal, {
    toRecords: (located) =>
      toRecords(located).map((record, at) =>
        at === 1 ? { ...record, value: Buffer.from(long) } : record,
      ),
    dead: {
      ...{ topic: 'dead', topicGraceMs: 60_000 },
      keep: async (sha256, value) => {
        kept.push([sha256, value.length]);
      },
    },
  });
  await site.drained(journal);
  const [letter] = kafka.committed.filter(({ topic }) => topic === 'dead');
  assert.is(letter?.value.length, 4096);
  assert.is(letter?.headers['hw-bytes'], '5000');
  assert.equal(kept, [[letter?.headers['hw-sha256'], 5000]]);
  assert.is(kafka.committed.length, 3);
  await site.lane.stop();
});

test('a letter that is refused for good holds the lane, and nothing behind it passes', async () => {
  const [kafka, journal] = [createMemoryKafka(['events', 'dead']), createMemoryJournal()];
  for (let i = 0; i < 8; i++) journal.block(1);
  let poisoned = '3';
  refuseRecords(kafka, (value) => value === poisoned);
  const site = watchLane(kafka.openSink, journal);
  while (site.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(seqs(kafka), upTo(3));
  poisoned = '';
  await site.drained(journal);
  assert.equal(seqs(kafka), upTo(8));
  assert.is(site.letters(), 0, 'what caused it is mended: it goes its own way');
  assert.is(site.lines.length, 2, site.lines.join(' | '));
  await site.lane.stop();
});

function createdBlock(): Located {
  const journal = createMemoryJournal();
  journal.block(1);
  return journal.records[0]!;
}

const deviceOf = ({ record }: Located) => (record.kind === 'block' ? record.device : null);

test('a topic that stays missing beyond its grace gives dead letters, until it is there', async () => {
  const [kafka, journal] = [createMemoryKafka(['events', 'dead']), createMemoryJournal()];
  const clock = steppedClock();
  const site = watchLane(kafka.openSink, journal, {
    clock,
    dead: { topic: 'dead', topicGraceMs: 60_000, keep: async () => {} },
    toRecords: (located) =>
      toRecords(located, deviceOf(located) === 'press-08' ? 'absent' : 'events'),
  });
  await site.until('flowing');
  journal.block(2);
  journal.block(2, { device: 'press-08' });
  journal.block(2);
  site.lane.syncedEnd(journal.end);
  await site.until('held');
  clock.aheadMs = 50_000;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(kafka.committed, [], 'held');
  clock.aheadMs = 61_000;
  await site.drained(journal);
  const topics = () => kafka.committed.map(({ topic }) => topic);
  assert.equal(topics(), ['events', 'events', 'dead', 'dead', 'events', 'events']);
  assert.is(kafka.committed[2]?.headers['hw-topic'], 'absent');
  assert.is(site.letters(), 2);
  kafka.topics.add('absent');
  clock.aheadMs = 63_000;
  for (const _ of [1, 2]) {
    journal.block(1, { device: 'press-08' });
    site.lane.syncedEnd(journal.end);
    await site.drained(journal);
  }
  assert.equal(topics().slice(6), ['absent', 'absent'], 'the first that comes finds it');
  assert.ok(site.lines.some((line) => line.includes('absent takes records again')));
  await site.lane.stop();
});

test('a missing dead-letter topic holds the lane, whatever the grace', async () => {
  const [kafka, journal] = [createMemoryKafka([]), createMemoryJournal()];
  journal.block(2);
  const site = watchLane(kafka.openSink, journal, {
    dead: { topic: 'dead', topicGraceMs: 0, keep: async () => {} },
  });
  while (!site.lines.some((line) => line.includes('topic dead is missing')))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(kafka.committed, []);
  kafka.topics.add('dead');
  await site.drained(journal);
  assert.is(site.letters(), 2);
  await site.lane.stop();
});

test('stop lets the transaction in flight end, and says that it was committed', async () => {
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  journal.block(2);
  let open = () => {};
  const reached = new Promise<void>((arrived) => {
    kafka.gate = (call) => {
      if (call !== 'transaction') return Promise.resolve();
      arrived();
      return new Promise((resolve) => {
        open = resolve;
      });
    };
  });
  const site = watchLane(kafka.openSink, journal);
  await reached;
  const stopped = site.lane.stop();
  open();
  await stopped;
  assert.is(site.books.get('press-07'), 2);
  assert.is(kafka.open, 0);
});

test.run();

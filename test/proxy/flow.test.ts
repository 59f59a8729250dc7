// What waits in the journal, how old it is and when it is through: on a clock that the test moves, with the real books.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createBooks } from '../../proxy/books.js';
import { etaText, watchFlow } from '../../proxy/flow.js';
import { Ages } from '../../proxy/journal/ages.js';
import type { Position } from '../../proxy/journal/record.js';
import { block } from './journal/records.js';
import { MemoryJournal } from './memory-journal.js';
import { TestClock } from './talk.js';

const device = 'press-07';

class Journal extends MemoryJournal {
  override bytes = 1_000_000;
  override readonly bytesMax = 3_000_000;
  override keptBytes = 0;
  override syncedEnd = 0;
  end = 0;
  override confirmed(): Position {
    return { lane: 0, journal: this.id, generation: 1, offset: 0, end: this.end, check: 0 };
  }
}

/** A record of ten events is 1,000 bytes of the journal. */
function world(ages: { lane: number; end: number; sinceMs: number }[] = []) {
  const clock = new TestClock();
  const journal = new Journal();
  const books = createBooks();
  const lines: string[] = [];
  const say = (fields: object, message: string) => {
    lines.push([message, ...Object.entries(fields).map(([key, is]) => `${key}=${is}`)].join(' '));
  };
  const log = { debug: say, info: say, warn: say, error: say };
  const flow = watchFlow({ journal, books, clock, log, ages });
  let next = 0;
  return {
    ...{ clock, journal, books, flow, lines },
    come(records: number) {
      for (let at = 0; at < records; at++) {
        const record = block(device, next, 10);
        next += 10;
        journal.append(record);
        books.synced(record);
        journal.syncedEnd += 1_000;
      }
      // MemoryJournal numbers records, and a real one bytes.
      journal.sync(journal.syncedEnd);
    },
    go(records: number) {
      books.confirmed(0, [[device, records * 10]]);
      journal.end += records * 1_000;
      flow.committed(0, journal.end, records * 10);
    },
    pass(seconds: number, each = () => {}) {
      for (let second = 0; second < seconds; second++) {
        each();
        clock.advance(1_000);
      }
    },
  };
}

test('nothing waits: no age, no drain, no line', () => {
  const { flow, lines, pass, come, go } = world();
  pass(60, () => {
    come(2);
    go(2);
  });
  assert.equal([flow.events, flow.oldestSeconds, flow.drainEtaSeconds], [0, 0, 0]);
  assert.is(flow.hoursUntilFull, Number.POSITIVE_INFINITY);
  assert.is(flow.remark, null);
  assert.equal(lines, []);
});

test('while Kafka is away the age is that of the oldest, and the journal says when it is full', () => {
  const { flow, lines, pass, come, journal } = world();
  pass(7_200);
  come(1);
  pass(120, () => come(1));
  assert.is(flow.events, 1_210);
  assert.is(flow.oldestSeconds, 120);
  assert.is(flow.drainEtaSeconds, Number.POSITIVE_INFINITY, 'nothing goes out');
  // 1,000 bytes a second, and room for 2,000,000.
  assert.is(flow.hoursUntilFull, 2_000_000 / 1_000 / 3_600);
  journal.keptBytes = 1_000_000;
  assert.is(flow.hoursUntilFull, 3_000_000 / 1_000 / 3_600, 'what is kept is room');
  assert.equal(lines, [], 'the lane says that Kafka is away');
});

test('a backlog that is drained says what is left and when it is through, then that it is', () => {
  const { flow, lines, pass, come, go } = world();
  pass(600, () => come(1));
  assert.is(flow.events, 6_000);
  // 60 a second go, 10 a second come.
  const second = () => {
    come(1);
    go(6);
  };
  pass(66, second);
  assert.is(flow.events, 2_700);
  assert.is(flow.drainEtaSeconds, 54);
  assert.match(flow.remark ?? '', /^draining: 2700 events wait, through in 54s$/);
  assert.ok(flow.oldestSeconds > 260 && flow.oldestSeconds < 280, `${flow.oldestSeconds}`);
  pass(54, second);
  assert.is(flow.events, 0);
  pass(10, () => {
    come(1);
    go(1);
  });
  assert.is(flow.remark, null);
  const drains = lines.filter((line) => line.startsWith('draining'));
  assert.ok(drains.length >= 3 && drains.length <= 5, lines.join('\n'));
  assert.match(drains[2]!, /^draining events=\d+ perSecond=60 eta=\d+(s|m)$/);
  assert.match(lines.at(-1)!, /^drained: the backlog is through events=6010 seconds=11\d$/);
  assert.is(lines.length, drains.length + 1);
});

test('a drain that begins between two looks has its own rate, and all that waited', () => {
  const { flow, lines, pass, come, go } = world();
  // 100 a second come; the 13 s behind the last minute leave the next look 2 s away.
  pass(73, () => come(10));
  assert.is(flow.events, 7_300);
  // 500 a second go from now on.
  const second = () => {
    come(10);
    go(50);
  };
  pass(2, second);
  assert.match(flow.remark ?? '', /^draining: \d+ events wait$/, 'no rate is known yet');
  pass(4, second);
  for (const line of lines) assert.not.match(line, /never/);
  const [, events, perSecond, eta] =
    /^draining events=(\d+) perSecond=(\d+) eta=(\d+)s$/.exec(lines[0] ?? '') ?? [];
  assert.is(Number(events), 7_300 - 5 * 400);
  // The first commit's own time is not known, so it is not counted.
  assert.ok(Number(perSecond) >= 400 && Number(perSecond) <= 500, perSecond);
  assert.ok(Number(eta) >= 13 && Number(eta) <= 18, eta);
  pass(14, second);
  assert.is(lines.at(-1), 'drained: the backlog is through events=7400 seconds=15');
});

test('a backlog that is gone before a look: it is said how much waited, and nothing of it waits in /readyz', () => {
  const { flow, lines, pass, come, go } = world();
  pass(500, () => come(1));
  go(350);
  assert.is(flow.remark, 'draining: 1500 events wait');
  pass(1);
  go(150);
  assert.is(flow.events, 0);
  assert.is(flow.remark, null);
  assert.equal(lines, ['drained: the backlog is through events=5000 seconds=1']);
});

test('Kafka goes away within a drain: the next one begins anew', () => {
  const { flow, lines, pass, come, go } = world();
  pass(100, () => come(1));
  go(20);
  pass(60);
  assert.is(flow.remark, null, 'nothing drains');
  go(40);
  pass(1);
  go(40);
  assert.equal(lines, ['drained: the backlog is through events=800 seconds=1']);
});

test('a long linger: a commit that takes all that is old is no drain', () => {
  const { flow, lines, pass, come, go } = world();
  for (let round = 0; round < 5; round++) {
    pass(60, () => come(1));
    go(60);
    assert.is(flow.remark, null);
  }
  assert.equal(lines, []);
});

test('as much comes as goes: it says so instead of a time', () => {
  const { flow, lines, pass, come, go } = world();
  pass(600, () => come(1));
  pass(90, () => {
    come(1);
    go(1);
  });
  assert.is(flow.drainEtaSeconds, Number.POSITIVE_INFINITY);
  assert.match(lines.at(-1)!, /eta=never at this rate$/);
});

test('what an opening finds has the age that it had', () => {
  const clock = new TestClock();
  const before = clock.nowMs() - 3_600_000;
  const { flow, come, go, pass, books } = world([{ lane: 0, end: 2_000, sinceMs: before }]);
  books.synced(block(device, 0, 20));
  pass(1, () => come(3));
  assert.is(flow.oldestSeconds, 3_601);
  go(2);
  assert.is(flow.oldestSeconds, 1);
});

test('a table that no batch passes is nobody that waits', () => {
  const { flow, journal, come, go, pass } = world();
  come(1);
  journal.syncedEnd += 500;
  journal.sync(journal.syncedEnd);
  go(1);
  pass(600);
  assert.is(flow.oldestSeconds, 0);
  come(1);
  pass(5);
  assert.is(flow.oldestSeconds, 5);
});

test('ages are bounded in memory, and never too small', () => {
  const ages = new Ages();
  for (let second = 0; second < 100_000; second++) ages.note(second + 1, second * 1_000);
  for (let end = 0; end < 99_999; end += 777) {
    ages.passed(end);
    const sinceMs = ages.sinceMs ?? Number.NaN;
    assert.ok(sinceMs <= end * 1_000 && sinceMs >= (end - 100) * 1_000, `${end}: ${sinceMs}`);
  }
  ages.passed(100_000);
  assert.is(ages.sinceMs, null);
});

test('times for people', () => {
  const texts = [0.2, 89, 90, 3_600, 12_000, 200_000, Number.POSITIVE_INFINITY].map(etaText);
  assert.equal(texts, ['1s', '89s', '2m', '60m', '3h 20m', '2d 7h', 'never at this rate']);
});

test.run();

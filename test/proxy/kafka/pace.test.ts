// The rate at which a lane drains: counted over a clock that goes on when nothing else does, so that no second of it is one of ours.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../../proxy/clock.js';
import { createPace } from '../../../proxy/kafka/pace.js';
import { watchLane } from './lane-site.js';
import { createMemoryJournal } from './memory-journal.js';
import { createMemoryKafka } from './memory-kafka.js';

/** Time goes to the next timer when the event loop has nothing else to do. */
class IdleClock implements Clock {
  ms = 0;
  #timers: { atMs: number; task: () => void }[] = [];
  #running = true;

  constructor() {
    const turn = () => {
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const next = this.#timers.shift();
      if (next !== undefined) {
        this.ms = Math.max(this.ms, next.atMs);
        next.task();
      }
      // Two turns: what the timer woke has given way by then.
      if (this.#running) setImmediate(() => setImmediate(turn));
    };
    setImmediate(turn);
  }
  nowMs = () => 1_764_000_000_000 + this.ms;
  monotonicMs = () => this.ms;
  random = (byteCount: number) => new Uint8Array(byteCount);
  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.ms + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  stop(): void {
    this.#running = false;
  }
}

/** The most that began within any stretch of a second, the stretch's ends among it. */
function mostInASecond(taken: readonly { atMs: number; count: number }[]): number {
  return Math.max(
    ...taken.map(({ atMs: from }) =>
      taken
        .filter(({ atMs }) => atMs >= from && atMs < from + 1000)
        .reduce((sum, { count }) => sum + count, 0),
    ),
  );
}

async function drain(eventsPerSecond: number | undefined, failures = 0) {
  const clock = new IdleClock();
  const [kafka, journal] = [createMemoryKafka(), createMemoryJournal()];
  for (let at = 0; at < 400; at++) journal.block(10);
  const taken: { atMs: number; count: number }[] = [];
  let left = failures;
  kafka.fault = (call, records) => {
    if (call !== 'transaction') return null;
    taken.push({ atMs: clock.ms, count: records.length });
    return left-- > 0 ? 'unreachable' : null;
  };
  const site = watchLane(kafka.openSink, journal, {
    clock,
    limits: { recordsMax: 1_000, lingerMs: 0, retryBackoffMs: 20, eventsPerSecond },
  });
  try {
    await site.drained(journal);
  } finally {
    clock.stop();
    await site.lane.stop();
  }
  const seqs = kafka.committed.map(({ value }) => Number(Buffer.from(value).toString()));
  assert.equal(
    seqs,
    Array.from({ length: 4_000 }, (_, seq) => seq),
  );
  return { taken, ms: clock.ms };
}

test('a backlog is drained in order at its rate, and no faster in any second', async () => {
  const { taken, ms } = await drain(500);
  const largest = Math.max(...taken.map(({ count }) => count));
  assert.is(largest, 100, 'a fifth of a second in a transaction');
  assert.ok(mostInASecond(taken) <= 2 * 500 + largest, `${mostInASecond(taken)} in a second`);
  // 4,000 events, a second's worth at once: the clock has gone on for the others.
  assert.ok(ms >= 6_800 && ms <= 8_000, `${ms} ms of the model's time`);
});

test('what failed counts too: an outage is no way around the rate', async () => {
  const { taken } = await drain(500, 5);
  assert.ok(mostInASecond(taken) <= 2 * 500 + 100, `${mostInASecond(taken)} in a second`);
});

test('without a rate it goes as fast as it goes', async () => {
  const { taken } = await drain(undefined);
  assert.is(taken.length, 4);
});

test('a flow below the rate never waits', () => {
  const clock = new IdleClock();
  clock.stop();
  const pace = createPace(clock, 100);
  for (let second = 0; second < 1_000; second++) {
    for (let block = 0; block < 9; block++) {
      assert.is(pace.waitMs(), 0);
      pace.took(10);
    }
    clock.ms += 1_000;
  }
});

test('a block above the rate goes whole, and is paid for behind it', () => {
  const clock = new IdleClock();
  clock.stop();
  const pace = createPace(clock, 10);
  assert.is(pace.waitMs(), 0);
  pace.took(50);
  assert.is(pace.waitMs(), 4_100);
  clock.ms += 4_100;
  assert.is(pace.waitMs(), 0);
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OffsetWindow, timeOf } from '../../proxy/time.js';
import { TestClock } from './talk.js';

const events = (...uptimes: number[]) =>
  uptimes.map((uptime) => ({ stream: 'a', fields: null, values: [1], uptime }));

const source = {
  running: false,
  ...{ arrivalMs: 10_000, offsetMs: null, anchor: null, uptimeStops: false, floorMs: 0 },
  lastOffsetMs: null,
};

test('the smallest of ten minutes counts, so that a queue does not', () => {
  const clock = new TestClock();
  const window = new OffsetWindow();
  window.sample(clock, 1_000);
  const offset = window.offsetMs(clock);
  assert.is(offset, clock.wallMs - 1_000);
  clock.advance(60_000);
  window.sample(clock, 31_000); // half a minute in a queue
  assert.is(window.offsetMs(clock), offset);
  clock.advance(1_000);
  window.sample(clock, 62_050); // and one that was faster than the first
  assert.is(window.offsetMs(clock), offset - 50);
});

test('it follows a crystal that drifts', () => {
  const clock = new TestClock();
  const window = new OffsetWindow();
  const start = clock.wallMs;
  for (let second = 0; second < 7_200; second += 5) {
    window.sample(clock, second * 999);
    clock.advance(5_000);
  }
  const late = window.offsetMs(clock) - start;
  // One second a thousand: 7.2 s in two hours, less the ten minutes of the window.
  assert.ok(late >= 6_580 && late <= 6_620, `${late}`);
});

test('a step of the wall clock is followed at once', () => {
  const clock = new TestClock();
  const window = new OffsetWindow();
  window.sample(clock, 0);
  const before = window.offsetMs(clock);
  clock.wallMs += 3_600_000;
  assert.is(window.offsetMs(clock), before + 3_600_000);
  clock.wallMs -= 7_200_000;
  assert.is(window.offsetMs(clock), before - 3_600_000);
});

test('where uptime stops the newest sample counts: the older ones have not slept yet', () => {
  const clock = new TestClock();
  const window = new OffsetWindow();
  window.sample(clock, 1_000);
  clock.advance(300_000);
  window.sample(clock, 1_500);
  assert.is(window.offsetMs(clock, true), clock.wallMs - 1_500);
  assert.is(window.offsetMs(clock), clock.wallMs - 301_000);
});

test('times of a boot never run backwards, and are not late for ever', () => {
  const synced = timeOf(events(100, 200), {
    ...source,
    running: true,
    offsetMs: 5_000,
    floorMs: 5_150,
  });
  assert.equal(synced, { offsetMs: 5_050, lastTimeMs: 5_200, quality: 'synced' });
  const held = timeOf(events(100, 200), {
    ...source,
    running: true,
    offsetMs: 5_000,
    floorMs: 6_101,
  });
  assert.equal(held, { offsetMs: 6_001, lastTimeMs: 6_101, quality: 'estimated' });
  const unknown = timeOf(events(100, 200), { ...source, floorMs: 12_000 });
  assert.equal(unknown, { offsetMs: 11_800, lastTimeMs: 12_000, quality: 'unknown' });
});

test('a wall clock that was set back by more than ten minutes was wrong before', () => {
  const at = (floorMs: number) =>
    timeOf(events(100), { ...source, running: true, offsetMs: 9_000, floorMs });
  assert.equal(at(610_000), { offsetMs: 609_900, lastTimeMs: 610_000, quality: 'estimated' });
  assert.equal(at(610_001), { offsetMs: 9_000, lastTimeMs: 9_100, quality: 'synced' });
});

test('nothing happened after it arrived', () => {
  const at = (last: number) =>
    timeOf(events(100, last), { ...source, running: true, offsetMs: 9_000 });
  assert.equal(at(1_000), { offsetMs: 9_000, lastTimeMs: 10_000, quality: 'synced' });
  assert.equal(at(2_000), { offsetMs: 9_000, lastTimeMs: 10_000, quality: 'synced' });
  assert.equal(at(2_001), { offsetMs: 9_000, lastTimeMs: 10_000, quality: 'estimated' });
});

test('an anchor counts for a boot that has ended, not for the running one', () => {
  const anchor = { uptime: 50, wallMs: 9_000, errorMs: 1 };
  assert.equal(timeOf(events(100), { ...source, anchor }), {
    ...{ offsetMs: 8_950, lastTimeMs: 9_050, quality: 'estimated' },
  });
  assert.is(
    timeOf(events(100), { ...source, anchor, running: true, offsetMs: 7 }).quality,
    'synced',
  );
});

test('without an anchor a boot that has ended keeps what it had while it ran', () => {
  const kept = { ...source, lastOffsetMs: 8_000 };
  assert.equal(timeOf(events(100), kept), {
    ...{ offsetMs: 8_000, lastTimeMs: 8_100, quality: 'estimated' },
  });
  const anchor = { uptime: 50, wallMs: 9_000, errorMs: 1 };
  assert.is(timeOf(events(100), { ...kept, anchor }).offsetMs, 8_950);
});

test('a time before 1970 is none', () => {
  const anchor = { uptime: 5_000, wallMs: 900, errorMs: 1 };
  assert.is(timeOf(events(100), { ...source, anchor }).quality, 'unknown');
});

test.run();

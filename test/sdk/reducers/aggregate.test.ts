import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { present, reading, recorder } from './recorder.js';

const names = ['t_min', 't_max', 't_mean', 't_count', 'out_rh_mean', 'count'] as const;

test('a window by time begins with its first event', () => {
  const { sdk, engine, target, out } = recorder(...names);
  const minute = sdk.aggregate(target, 60_000);
  engine.advance(5000);
  for (const t of [20, 22, 27]) {
    assert.is(minute.send({ t, out_rh: 2 * t }), undefined);
    engine.advance(10_000);
  }
  engine.advance(29_999);
  assert.is(out.length, 0);
  engine.advance(1);
  assert.equal(out, [
    {
      at: 65_000,
      values: { t_min: 20, t_max: 27, t_mean: 23, t_count: 3, out_rh_mean: 46, count: 3 },
    },
  ]);
  engine.advance(600_000);
  assert.is(out.length, 1, 'a window without events sends nothing');
  assert.is(engine.pending(), 0);
});

test('a window by count: the last one of it says what took it', () => {
  const { sdk, engine, target, went } = recorder(...names);
  const three = sdk.aggregate(target, 0, 3);
  const sends = [1, 2, 6, 4].map((t) => three.send({ t, out_rh: 0 }));
  assert.equal(sends, [undefined, undefined, 'ram', undefined]);
  assert.equal(went(), [{ t_min: 1, t_max: 6, t_mean: 3, t_count: 3, out_rh_mean: 0, count: 3 }]);
  assert.is(engine.pending(), 0, 'no timer where time does not end it');
});

test('by both: whichever comes first, and the timer ends with its window', () => {
  const { sdk, engine, target, out } = recorder('t_max');
  const either = sdk.aggregate(target, 1000, 2);
  either.send({ t: 1 });
  engine.advance(900);
  either.send({ t: 2 });
  either.send({ t: 3 });
  engine.advance(999);
  assert.is(out.length, 1);
  engine.advance(1);
  assert.equal(out, [
    { at: 900, values: { t_max: 2 } },
    { at: 1900, values: { t_max: 3 } },
  ]);
});

test('absent and infinite values are in no statistic but the count of events', () => {
  const { sdk, target, went, flush } = recorder(...names);
  const minute = sdk.aggregate(target, 60_000);
  for (const t of [null, NaN, Infinity, -Infinity]) minute.send({ t, out_rh: null });
  minute.send(undefined as never);
  flush();
  const none = { t_min: undefined, t_max: undefined, t_mean: undefined, t_count: 0 };
  assert.equal(went(), [{ ...none, out_rh_mean: undefined, count: 5 }]);
  for (const t of [NaN, -3, null, -1]) minute.send({ t, out_rh: null });
  flush();
  const some = { t_min: -3, t_max: -1, t_mean: -2, t_count: 2 };
  assert.equal(went(), [{ ...some, out_rh_mean: undefined, count: 4 }]);
});

test('flush() ends the window', () => {
  const { sdk, engine, target, out, flush } = recorder('count');
  const minute = sdk.aggregate(target, 60_000);
  flush();
  assert.is(out.length, 0);
  minute.send({});
  engine.advance(1000);
  flush();
  assert.equal(out, [{ at: 1000, values: { count: 1 } }]);
  assert.is(engine.pending(), 0);
});

test('a mean of many large equal values is that value', () => {
  const { sdk, target, went } = recorder('t_mean');
  const all = sdk.aggregate(target, 0, 10_000);
  for (let index = 0; index < 10_000; index++) all.send({ t: 4.3e12 + 0.1 });
  assert.equal(went(), [{ t_mean: 4.3e12 + 0.1 }]);
});

for (let seed = 1; seed <= 40; seed++) {
  test(`random readings against a plain model, seed ${seed}`, () => {
    const random = new Random(seed);
    const made = recorder(...names);
    const { engine } = made;
    const windowMs = random.pick([0, 1000, 5000]);
    const eventsMax = windowMs ? random.pick([undefined, 7]) : 5;
    const any = made.sdk.aggregate(made.target, windowMs, eventsMax);
    let window: { t: number | null; out_rh: number | null }[] = [];
    let endAt = Infinity;
    const check = (at: number) => {
      const [ts, rhs] = (['t', 'out_rh'] as const).map((name) =>
        window.map((values) => values[name]).filter(present),
      );
      const mean = (numbers: number[]) =>
        numbers.length ? numbers.reduce((sum, one) => sum + one, 0) / numbers.length : NaN;
      const { at: seenAt, values } = made.out.shift()!;
      assert.is(seenAt, at);
      assert.is(values.count, window.length);
      assert.is(values.t_count, ts!.length);
      assert.is(values.t_min, ts!.length ? Math.min(...ts!) : undefined);
      assert.is(values.t_max, ts!.length ? Math.max(...ts!) : undefined);
      for (const [seen, expected] of [
        [values.t_mean, mean(ts!)],
        [values.out_rh_mean, mean(rhs!)],
      ] as const) {
        if (seen === undefined) assert.ok(Number.isNaN(expected));
        else assert.ok(Math.abs((seen as number) - expected) < 1e-9);
      }
      window = [];
      endAt = Infinity;
    };
    let windows = 0;
    for (let step = 0; step < 400; step++) {
      const values = { t: reading(random), out_rh: reading(random) };
      if (!window.length && windowMs) endAt = engine.now + windowMs;
      window.push(values);
      any.send(values);
      if (window.length === eventsMax) check(engine.now);
      if (window.length && random.chance(0.02)) {
        made.flush();
        check(engine.now);
      }
      const ms = random.below(900);
      const end = engine.now + ms;
      engine.advance(ms);
      if (endAt <= end) check(endAt);
      assert.is(made.out.length, 0);
      windows += window.length ? 0 : 1;
    }
    assert.ok(windows > 10);
  });
}

test.run();

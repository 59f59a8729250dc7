import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { type Out, recorder } from './recorder.js';

test('the first at once, of the others the latest at the end of the interval', () => {
  const { sdk, engine, target, out } = recorder('t');
  const slow = sdk.throttle(target, 1000);
  const sends = [0, 1, 2].map((t) => {
    const taken = slow.send({ t });
    engine.advance(100);
    return taken;
  });
  assert.equal(sends, ['ram', undefined, undefined]);
  engine.advance(699);
  assert.is(out.length, 1);
  engine.advance(1);
  assert.equal(out, [
    { at: 0, values: { t: 0 } },
    { at: 1000, values: { t: 2 } },
  ]);
  // What went out late opens an interval as well.
  slow.send({ t: 3 });
  engine.advance(1000);
  assert.equal(out[2], { at: 2000, values: { t: 3 } });
  assert.is(engine.pending(), 0, 'a timer only while something is held');
  engine.advance(5000);
  assert.is(out.length, 3);
  assert.is(slow.send({ t: 4 }), 'ram');
});

test("'first': what comes in the interval is left out, without a timer", () => {
  const { sdk, engine, target, out } = recorder('t');
  const slow = sdk.throttle(target, 1000, 'first');
  for (let t = 0; t < 21; t++) {
    slow.send({ t });
    engine.advance(100);
  }
  assert.equal(
    out.map(({ at }) => at),
    [0, 1000, 2000],
  );
  assert.is(engine.pending(), 0);
});

test('what is held is a copy', () => {
  const { sdk, engine, target, went } = recorder('t');
  const slow = sdk.throttle(target, 1000);
  const values = { t: 0 };
  slow.send(values);
  values.t = 1;
  slow.send(values);
  values.t = 2;
  engine.advance(1000);
  assert.equal(went(), [{ t: 0 }, { t: 1 }]);
});

test('flush() sends what is held, once', () => {
  const { sdk, engine, target, out, flush } = recorder('t');
  const slow = sdk.throttle(target, 1000);
  slow.send({ t: 0 });
  slow.send({ t: 1 });
  engine.advance(300);
  flush();
  assert.equal(out[1], { at: 300, values: { t: 1 } });
  flush();
  engine.advance(800);
  assert.is(out.length, 2);
  assert.is(engine.pending(), 0);
});

test('a timer that comes late is overtaken by what is newer', () => {
  const { sdk, engine, target, went } = recorder('t');
  const slow = sdk.throttle(target, 1000);
  slow.send({ t: 0 });
  slow.send({ t: 1 });
  // The device was busy: its clock has gone on, its timers have not.
  engine.now += 1500;
  slow.send({ t: 2 });
  assert.equal(went(), [{ t: 0 }, { t: 2 }]);
  engine.advance(5000);
  assert.equal(went(), []);
});

for (let seed = 1; seed <= 40; seed++) {
  test(`random readings against a plain model, seed ${seed}`, () => {
    const random = new Random(seed);
    const keep = random.pick(['latest', 'first', undefined] as const);
    const intervalMs = random.pick([0, 100, 1000]);
    const { sdk, engine, target, out, flush } = recorder('t');
    const slow = sdk.throttle(target, intervalMs, keep);
    const expected: Out[] = [];
    let openAt = 0;
    let held: number | undefined;
    const pass = (t: number, at: number) => {
      expected.push({ at, values: { t } });
      openAt = at + intervalMs;
      held = undefined;
    };
    for (let t = 0; t < 400; t++) {
      if (engine.now >= openAt) pass(t, engine.now);
      else if (keep !== 'first') held = t;
      slow.send({ t });
      if (random.chance(0.05)) {
        flush();
        if (held !== undefined) pass(held, engine.now);
      }
      const ms = random.below(intervalMs);
      if (held !== undefined && openAt <= engine.now + ms) pass(held, openAt);
      engine.advance(ms);
    }
    assert.equal(out, expected);
    for (const [index, { at }] of expected.entries()) {
      if (index && keep === 'first') assert.ok(at - expected[index - 1]!.at >= intervalMs);
    }
  });
}

test.run();

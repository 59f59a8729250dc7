import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { type Out, present, reading, recorder } from './recorder.js';

test('the first is sent, then what differs by more than the band, from what was sent last', () => {
  const { sdk, target, went } = recorder('t');
  const quiet = sdk.deadband(target, { t: 0.5 });
  const sends = [21, 21.5, 20.5, 21.25, 21.75, 21.5, 22.25, 22.5].map((t) => quiet.send({ t }));
  assert.equal(went(), [{ t: 21 }, { t: 21.75 }, { t: 22.5 }]);
  assert.equal(sends, ['ram', ...Array(3).fill(undefined), 'ram', undefined, undefined, 'ram']);
});

test('a slow drift is not missed', () => {
  const { sdk, target, went } = recorder('t');
  const quiet = sdk.deadband(target, { t: 1 });
  for (let t = 0; t < 5; t += 0.25) quiet.send({ t });
  assert.equal(went(), [{ t: 0 }, { t: 1.25 }, { t: 2.5 }, { t: 3.75 }]);
});

test('a field without a band: any change; with Infinity: only whether it is there', () => {
  const { sdk, target, went } = recorder('t', 'rh');
  const quiet = sdk.deadband(target, { rh: Infinity });
  quiet.send({ t: 1, rh: 1 });
  quiet.send({ t: 1, rh: 99 });
  assert.equal(went(), [{ t: 1, rh: 1 }]);
  quiet.send({ t: 1.01, rh: 50 });
  assert.equal(went(), [{ t: 1.01, rh: 50 }]);
  quiet.send({ t: 1.01, rh: null });
  assert.equal(went(), [{ t: 1.01 }]);
});

test('absent is one state, whether null, NaN, missing or unreadable', () => {
  const { sdk, target, went } = recorder('t');
  const quiet = sdk.deadband(target, { t: 100 });
  quiet.send({ t: null });
  assert.equal(went(), [{}], 'the first, though it says nothing');
  quiet.send({ t: NaN });
  quiet.send({} as never);
  quiet.send(undefined as never);
  quiet.send({
    get t(): number {
      throw new Error('no sensor');
    },
  });
  assert.equal(went(), []);
  quiet.send({ t: 0 });
  assert.equal(went(), [{ t: 0 }], 'no band hides that it is there');
  quiet.send({ t: NaN });
  assert.equal(went(), [{}]);
});

test('infinite values are handed on once, for send() to count', () => {
  const { sdk, target, went } = recorder('t');
  const quiet = sdk.deadband(target, { t: 1 });
  for (const t of [Infinity, Infinity, -Infinity, -Infinity, 5]) quiet.send({ t });
  assert.equal(went(), [{ t: Infinity }, { t: -Infinity }, { t: 5 }]);
});

test('what nothing changes in is sent again maxMs after the last one', () => {
  const { sdk, engine, target, out } = recorder('t');
  const quiet = sdk.deadband(target, { t: 1 }, 1000);
  for (let step = 0; step < 12; step++) {
    quiet.send({ t: step === 5 ? 9 : 0 });
    engine.advance(250);
  }
  assert.equal(
    out.map(({ at }) => at),
    [0, 1000, 1250, 1500, 2500],
  );
  assert.is(engine.pending(), 0, 'it needs no timer');
});

test('behind an event that was refused the next one is sent', () => {
  const made = recorder('t');
  const quiet = made.sdk.deadband(made.target, { t: 1 }, 1000);
  made.taken = false;
  assert.is(quiet.send({ t: 1 }), false);
  assert.is(quiet.send({ t: 1 }), false);
  made.taken = 'ram';
  assert.is(quiet.send({ t: 1 }), 'ram');
  assert.is(quiet.send({ t: 1 }), undefined);
});

test('text and booleans: any change', () => {
  const { sdk, went, target } = recorder('t', 'open');
  const quiet = sdk.deadband(target as never, {}) as { send(values: object): unknown };
  for (const [t, open] of [
    ['1', true],
    ['1', true],
    ['1.0', true],
    ['1.0', false],
    ['1.0', null],
    ['1.0', false],
  ]) {
    quiet.send({ t, open });
  }
  assert.is(went().length, 5);
});

test('an object that is used again for the next reading', () => {
  const { sdk, target, went } = recorder('t');
  const quiet = sdk.deadband(target, { t: 1 });
  const values = { t: 0 };
  for (values.t = 0; values.t < 5; values.t += 2) quiet.send(values);
  assert.equal(went(), [{ t: 0 }, { t: 2 }, { t: 4 }]);
});

for (let seed = 1; seed <= 40; seed++) {
  test(`random readings against a plain model, seed ${seed}`, () => {
    const random = new Random(seed);
    const made = recorder('t', 'rh', 'p');
    const bands: Record<string, number> = { t: random.below(8) / 4, rh: random.below(8) };
    const maxMs = random.pick([undefined, 500, 3000]);
    const quiet = made.sdk.deadband(made.target, bands, maxMs);
    const expected: Out[] = [];
    let last: Out | undefined;
    for (let step = 0; step < 300; step++) {
      const values = { t: reading(random), rh: reading(random), p: random.pick([1, 1, 1, 2]) };
      const due =
        !last ||
        (maxMs !== undefined && made.engine.now - last.at >= maxMs) ||
        Object.entries(values).some(([name, value]) => {
          const before = last!.values[name];
          if (!present(value) || !present(before)) return present(value) !== present(before);
          return Math.abs(value - before) > (bands[name] ?? 0);
        });
      quiet.send(values);
      if (due) {
        const there = Object.entries(values).filter(([, value]) => present(value));
        last = { at: made.engine.now, values: Object.fromEntries(there) };
        expected.push(last);
      }
      made.engine.advance(random.below(400));
    }
    assert.equal(made.out, expected);
    assert.ok(expected.length > 20 && expected.length <= 300);
  });
}

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../random.js';
import { recorder } from './recorder.js';

test('one of each n, the first among them', () => {
  for (const each of [1, 2, 3, 10]) {
    const { sdk, target, went } = recorder('t');
    const few = sdk.sample(target, each);
    for (let t = 0; t < 30; t++) assert.is(few.send({ t }), t % each ? undefined : 'ram');
    assert.equal(
      went().map(({ t }) => t),
      Array.from({ length: Math.ceil(30 / each) }, (_, index) => index * each),
    );
  }
});

test('at random: as the engine draws', () => {
  const { sdk, engine, target, went } = recorder('t');
  const random = new Random(1);
  const draws = Array.from({ length: 1000 }, () => random.next());
  engine.draws.push(...draws);
  const few = sdk.sampleRandom(target, 0.25);
  for (let t = 0; t < 1000; t++) few.send({ t });
  assert.equal(
    went().map(({ t }) => t),
    draws.flatMap((draw, t) => (draw < 0.25 ? [t] : [])),
  );
});

test('at random: 0 is none, 1 is all', () => {
  for (const [probability, count] of [
    [0, 0],
    [1, 3],
  ] as const) {
    const { sdk, engine, target, went } = recorder('t');
    engine.draws.push(0, 0.5, 1 - 2 ** -53);
    const few = sdk.sampleRandom(target, probability);
    for (let t = 0; t < 3; t++) few.send({ t });
    assert.is(went().length, count);
  }
});

test.run();

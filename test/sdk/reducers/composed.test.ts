import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlockEvent } from '../../../proxy/block.js';
import { device } from '../device.js';
import { farEnd } from '../far-end.js';
import { recorder } from './recorder.js';

// Reducers before a real stream, and before each other.

function site() {
  const { sdk, engine, link } = device();
  const climate = sdk.stream('climate', { t: sdk.fixed(1), rh: sdk.uint });
  const minutes = sdk.stream('minutes', { t_mean: sdk.fixed(2), count: sdk.uint });
  const far = farEnd(link);
  far.limit = 1000;
  const hw = sdk.producer({ device: 'mote-1', link });
  engine.advance(1000);
  far.hear();
  far.welcome();
  const arrived = () => {
    far.hear();
    far.ack();
    return far.taken.map((one) => {
      const { stream, uptime, values } = one as BlockEvent;
      return [stream, uptime, ...values];
    });
  };
  return { sdk, engine, hw, climate, minutes, arrived };
}

test('what is left out has no seq and is no loss; the rest arrives with the time of its going out', () => {
  const { sdk, engine, hw, climate, arrived } = site();
  const quiet = sdk.deadband(climate, { t: 0.5, rh: 5 });
  for (const t of [20, 20.2, 20.4, 20.6, 20.5]) {
    quiet.send({ t, rh: 40 });
    hw.send(climate, { t: 0, rh: null });
    engine.advance(1000);
  }
  assert.is(sdk.stats().accepted, 7);
  let acknowledged = false;
  sdk.flush((all) => {
    acknowledged = all;
  });
  assert.equal(
    arrived().filter(([, , t]) => t),
    [
      ['climate', 1000, 20, 40],
      ['climate', 4000, 20.6, 40],
    ],
  );
  assert.is(arrived().filter(([, , t]) => t === 0).length, 5);
  assert.ok(acknowledged);
  assert.is(sdk.stats().refused, 0);
});

test('what send() refuses is a loss, and the reducer says so', () => {
  const { sdk, climate } = site();
  const quiet = sdk.deadband({ ...climate }, {});
  assert.is(quiet.send({ t: 1, rh: 1 }), false);
  assert.is(sdk.stats().refused, 1);
});

test('flush() waits for what reducers held', () => {
  const { sdk, engine, minutes, climate, arrived } = site();
  const mean = sdk.aggregate(minutes, 60_000);
  const slow = sdk.throttle(climate, 60_000);
  for (const t of [20, 21]) {
    mean.send({ t });
    slow.send({ t, rh: 40 });
    engine.advance(500);
  }
  const calls: boolean[] = [];
  sdk.flush((all) => calls.push(all));
  assert.equal(calls, []);
  assert.equal(arrived().slice(1), [
    ['climate', 2000, 21, 40],
    ['minutes', 2000, 20.5, 2],
  ]);
  assert.equal(calls, [true]);
});

test('at flush() the outer one hands over before the inner one', () => {
  const { sdk, target, went, flush } = recorder('t_max');
  const inner = sdk.throttle(target, 60_000);
  const outer = sdk.aggregate(inner, 1000, 2);
  for (const t of [1, 2, 3]) outer.send({ t });
  assert.equal(went(), [{ t_max: 2 }]);
  flush();
  assert.equal(went(), [{ t_max: 3 }]);
  flush();
  assert.equal(went(), []);
});

test('each may stand before each', () => {
  const { sdk, engine, target, went } = recorder('t_mean', 'count');
  const mean = sdk.aggregate(sdk.deadband(target, { t_mean: 1, count: Infinity }), 0, 2);
  const few = sdk.sample(mean, 2);
  const slow = sdk.throttle(few, 10);
  for (let t = 0; t < 24; t++) {
    slow.send({ t: Math.floor(t / 12) * 5 });
    engine.advance(10);
  }
  assert.equal(went(), [
    { t_mean: 0, count: 2 },
    { t_mean: 5, count: 2 },
  ]);
});

test.run();

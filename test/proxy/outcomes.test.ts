import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createOutcomes } from '../../proxy/outcomes.js';

test('everything is counted, little is said', () => {
  let nowMs = 0;
  const said: string[] = [];
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => nowMs,
    after: () => () => {},
    random: (count: number) => new Uint8Array(count),
  };
  const outcomes = createOutcomes(clock, (kind, detail) =>
    said.push(`${kind} ${JSON.stringify(detail)}`),
  );
  for (let n = 0; n < 1_000; n++) outcomes.count('frame-check', { channel: `c${n}` });
  outcomes.count('silent');
  nowMs = 10_000;
  outcomes.count('frame-check', { channel: 'late' });
  assert.is(outcomes.counts().get('frame-check'), 1_001);
  assert.is(outcomes.counts().get('silent'), 1);
  assert.equal(said, [
    'frame-check {"channel":"c0"}',
    'silent {}',
    'frame-check {"channel":"late","unsaid":999}',
  ]);
});

test('what one line or meter says does not keep another of the same kind from being said', () => {
  let nowMs = 0;
  const said: string[] = [];
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => nowMs,
    after: () => () => {},
    random: (count: number) => new Uint8Array(count),
  };
  const outcomes = createOutcomes(clock, (kind, { path, unsaid }) =>
    said.push([kind, path, unsaid].join(' ').trim()),
  );
  const paths = ['/dev/ttyS0', '/dev/ttyS1', '/dev/ttyS2'];
  for (const path of paths) outcomes.count('line-denied', { path }, path);
  for (const path of paths) outcomes.count('line-denied', { path }, path);
  nowMs = 10_000;
  outcomes.count('line-denied', { path: '/dev/ttyS1' }, '/dev/ttyS1');
  assert.is(outcomes.counts().get('line-denied'), 7);
  assert.equal(said, [...paths.map((path) => `line-denied ${path}`), 'line-denied /dev/ttyS1 1']);
});

test.run();

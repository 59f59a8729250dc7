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

test.run();

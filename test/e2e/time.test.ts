import { readFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hourMs, rows, stepMs } from './time-cases.js';
import './time-cases-ended.js';

// Which case gives which time: PROTOCOL.md §8, and docs/TIME.md, whose table this is. Each row plays a device that ships against the
// proxy's sessions, up to the record that Kafka gets.

for (const { name, expect, stepsBack = 0, play } of rows) {
  test(name, () => {
    const seen = play().seen();
    assert.equal([...new Set(seen.map(({ phase }) => phase))], Object.keys(expect));
    for (const [phase, { quality, earlyMs, lateMs }] of Object.entries(expect)) {
      const those = seen.filter((one) => one.phase === phase);
      assert.equal([...new Set(those.map((one) => one.quality))], [quality], phase);
      const errors = those.map(({ errorMs }) => errorMs);
      const [least, most] = [Math.min(...errors), Math.max(...errors)];
      // A ms by which both clocks are rounded.
      const isWithin = least >= -earlyMs - 1 && most <= lateMs + 1;
      assert.ok(isWithin, `${phase}: from ${least} to ${most} ms`);
      // And no row allows more than what happens.
      const isReached = Math.max(-least, most) >= Math.max(earlyMs, lateMs) / 2 - stepMs;
      assert.ok(isReached, `${phase}: only from ${least} to ${most} ms`);
    }
    const latest = new Map<number, number>();
    let back = 0;
    for (const { boot, timeMs } of seen) {
      if (timeMs < (latest.get(boot) ?? 0)) back++;
      latest.set(boot, timeMs);
    }
    assert.is(back, stepsBack, 'times of a boot that run backwards');
  });
}

/** `250 ms`, `60 s`, `1.0 h`. */
function duration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  return ms < hourMs ? `${ms / 1_000} s` : `${(ms / hourMs).toFixed(1)} h`;
}

test('docs/TIME.md has this table', async () => {
  const lines = rows.flatMap(({ name, expect }) =>
    Object.entries(expect).map(([phase, { quality, earlyMs, lateMs }]) => {
      const which = phase === 'all' ? '' : `, *${phase}*`;
      return `| ${name}${which} | ${quality} | ${duration(earlyMs)} | ${duration(lateMs)} |`;
    }),
  );
  const table = ['| case | quality | early | late |', '| --- | --- | ---: | ---: |', ...lines];
  const text = await readFile('docs/TIME.md', 'utf8');
  assert.ok(text.includes(`\n${table.join('\n')}\n`), table.join('\n'));
});

test.run();

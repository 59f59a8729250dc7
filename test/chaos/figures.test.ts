import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Figures, withFigures } from './figures.js';

const verdict = {
  ...{ accepted: 2, refused: 0, inKafka: 2, reportedLost: 0, lost: 0, twice: 0 },
  ...{ outOfOrder: 0, invented: 0, unreported: 0, contradicted: 0 },
};
const times = { min: 1, median: 2, max: 3 };
const figures = (command: string, count: number): Figures => ({
  ...{ command, seed: 5, seconds: 9, devices: 6, everyMs: 25, brokers: 1, loads: [1, 3], verdict },
  faults: { kill: { count, resumedMs: times, allMs: times, over5s: 0 } },
  areBooksExact: true,
});

test('figures come into a section of their own, and again into their place', () => {
  const page = '# Reliability\n\n## Journal states\n\nmany\n';
  const one = withFigures(page, figures('one', 1));
  assert.ok(one.startsWith(page.trimEnd()));
  assert.match(one, /## Kills and faults[\s\S]*\| kill \| 1 \| 1 \/ 2 \/ 3 \|/);
  const two = withFigures(`${one}\n## Seeds\n\nmore\n`, figures('two', 20));
  assert.match(two, /\| kill \| 1 \|[\s\S]*\| kill \| 20 \|[\s\S]*\n## Seeds\n\nmore\n$/);
  const again = withFigures(two, figures('one', 7));
  assert.match(again, /\| kill \| 7 \|[\s\S]*\| kill \| 20 \|/);
  assert.is(again.match(/<!-- chaos: one -->/g)?.length, 1);
  assert.ok(again.endsWith('\n## Seeds\n\nmore\n'));
});

test.run();

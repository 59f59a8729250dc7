import { setPriority } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readCorpus } from './corpus.js';
import type { Finding, Report } from './round.js';
import { targets } from './targets/all.js';
import { watchRound } from './watch.js';

// A minute of hostile input: each target reads its corpus, then what one seed gives, the same each time, and what a new one gives, which is
// printed. `npm run fuzz` is for longer.

/** What it needs of the machine is what the tests beside it leave. */
setPriority(19);

const minuteMs = 60_000;
const seconds = minuteMs / 1_000 / targets.length / 2;
const fixedSeed = 1;
const newSeed = 1 + Math.floor(Math.random() * 2 ** 31);

function textOf({ target, seed }: Report, { kind, message, hex }: Finding): string {
  return `${kind}: ${message} (seed ${seed})\n  npm run fuzz -- --target ${target} --input ${hex}`;
}

console.log(`fuzz: seeds ${fixedSeed} and ${newSeed}`);
for (const target of targets) {
  test(`${target.name}: ${target.checks}`, async () => {
    for (const seed of [fixedSeed, newSeed]) {
      const limits = { inputs: Number.POSITIVE_INFINITY, seconds, seed, keepsGoing: false };
      const { report } = await watchRound(target.name, limits).done;
      const texts = report.findings.map((finding) => textOf(report, finding));
      // What an input costs is no matter of a machine that others use: said here, and judged by `npm run fuzz`.
      const isSlow = report.findings.every(({ kind }) => kind === 'slow');
      if (isSlow) for (const text of texts) console.log(`fuzz: ${target.name}: ${text}`);
      else assert.unreachable(texts.join('\n'));
      assert.ok(report.inputs > readCorpus(target).length, 'nothing but the corpus was read');
      console.log(`fuzz: ${target.name}: ${report.inputs} inputs, ${report.outcomes} outcomes`);
    }
  });
}

test.run();

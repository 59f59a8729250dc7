import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';
import { type FaultKind, laterKinds } from './faults.js';
import { runSite, type SiteOptions } from './site.js';

// A small share of the seeds, in every run: `npm run seeds` has the many.

const path = join(projectFolder, 'test/simulation/seeds.json');
const kept = JSON.parse(readFileSync(path, 'utf8')) as { 'once failed': Record<string, string> };

function optionsOf(seed: number, without: readonly FaultKind[] = []): SiteOptions {
  return { seed, steps: 500, devices: 0, without: new Set(without), print: null };
}

test('the same seed does the same', async () => {
  const first = await runSite(optionsOf(7));
  const second = await runSite(optionsOf(7));
  assert.equal(first, second);
});

for (const [seed, why] of Object.entries(kept['once failed'])) {
  test(`seed ${seed}, which once failed: ${why}`, async () => {
    // What failed then does what it did then.
    await runSite(optionsOf(Number(seed), laterKinds));
  });
}

test('30 seeds of a whole site, 500 steps each', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    try {
      await runSite(optionsOf(seed));
    } catch (error) {
      const replay = `npm run seeds -- --from ${seed} --count 1 --trace`;
      throw new Error(`${(error as Error).message}; ${replay}`, { cause: error });
    }
  }
});

test.run();

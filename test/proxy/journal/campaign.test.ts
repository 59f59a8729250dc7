import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Count, campaign } from './campaign.js';

// The journal under kills and power cuts at every call to the disk. A failure names its seed:
// HEADWATER_SEED=<seed> runs that one alone, HEADWATER_SEEDS=<count> runs more of them.

const one = process.env.HEADWATER_SEED;
const seeds = Number(process.env.HEADWATER_SEEDS ?? 16);

test('what was acknowledged survives, and nothing else appears', async () => {
  const count: Count = { states: 0, refusedByDisk: 0 };
  const [from, to] = one === undefined ? [1, seeds] : [Number(one), Number(one)];
  for (let seed = from; seed <= to; seed++) {
    try {
      await campaign(seed, count);
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
  // Fewer would mean that the campaign has lost its crashes, not that the journal got better.
  if (one === undefined) assert.ok(count.states > 1_000 * seeds, `${count.states} states`);
  console.log(`journal: ${count.states} recovered states, seeds ${from} to ${to}`);
});

test.run();

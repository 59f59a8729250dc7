import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Tally } from './count.js';
import { playSequence, Violation } from './sequence.js';

// A small share of the journal's states, in every run: `npm run journal-states` has the many, and says what a state is.

const statesMin = 10_000;

test('what was acknowledged survives every crash, and nothing else appears', async () => {
  const tally = new Tally();
  for (let seed = 1; tally.states < statesMin; seed++) {
    await playSequence(seed, tally).catch((error: unknown) => {
      if (!(error instanceof Violation)) throw error;
      const replay = `npm run journal-states -- --replay ${seed}:${error.state}`;
      throw new Error(`${error.message}; ${error.where}; ${replay}`, { cause: error });
    });
  }
  // Fewer would mean that the crashes are lost, not that the journal got better.
  for (const [name, count] of Object.entries({ ...tally.byOperation, ...tally.byCrash })) {
    // A few in a hundred thousand: it is made anew only after a full disk has taken it.
    if (name !== 'reserve') assert.ok(count > 0, `no state of: ${name}`);
  }
  assert.ok(tally.reopened > statesMin / 5);
  console.log(`journal: ${tally.states} recovered states of ${tally.sequences} sequences`);
});

test.run();

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Ranges } from '../../../examples/load-simulator/ranges.js';
import { Random } from '../../random.js';

const test = suite('load simulator: ranges');

test('they say what a set of every seq says', () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const ranges = new Ranges();
    const all = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const from = random.below(60);
      const to = from + random.below(8);
      let fresh = 0;
      let there = 0;
      for (let seq = from; seq < to; seq++) {
        if (all.has(seq)) there++;
        else fresh++;
      }
      assert.is(ranges.count(from, to), there, `seed ${seed}`);
      assert.is(ranges.add(from, to), fresh, `seed ${seed}`);
      for (let seq = from; seq < to; seq++) all.add(seq);
      assert.is(ranges.size, all.size);
      const listed = [...ranges];
      for (const [at, range] of listed.entries()) {
        // Ascending, and neighbours are joined.
        assert.ok(range[0] < range[1] && (at === 0 || listed[at - 1]![1] < range[0]));
      }
      for (let seq = 0; seq < 70; seq++) assert.is(ranges.has(seq), all.has(seq));
    }
  }
});

test('what came in order is one range', () => {
  const ranges = new Ranges();
  for (let seq = 0; seq < 1_000; seq++) ranges.add(seq);
  assert.equal([...ranges], [[0, 1_000]]);
  assert.is(ranges.endOf(10), 1_000);
});

test.run();

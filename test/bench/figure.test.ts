import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { median, percentile } from './figures/figure.js';

test('a median lies between the two in the middle where there is no one', () => {
  assert.is(median([9, 1]), 5);
  assert.is(median([3, 9, 1]), 3);
  assert.is(median([4, 1, 2, 100]), 3);
  assert.ok(Number.isNaN(median([])));
});

test('a percentile is one of the values', () => {
  assert.is(percentile([1, 2, 3, 4], 0.5), 2);
  assert.is(percentile([1, 2, 3, 4], 0.99), 4);
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sequenceAfter } from '../../proxy/kafka/platformatic-producer.js';

// As Kafka counts them: DefaultRecordBatch.incrementSequence.
test('sequence numbers begin at 0 again behind the last one', () => {
  const last = 2_147_483_647;
  assert.is(sequenceAfter(0, 500), 500);
  assert.is(sequenceAfter(last - 1, 1), last);
  assert.is(sequenceAfter(last, 1), 0);
  assert.is(sequenceAfter(last - 2, 5), 2);
});

test.run();

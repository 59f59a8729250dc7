// What the sink says of Kafka's answers that kafkajs cuts short.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdvice } from '../../../proxy/kafka/client-advice.js';
import { kafkaErrorType, sinkError } from '../../../proxy/kafka/client-errors.js';
import { partitionsAdded } from '../../../proxy/kafka/kafkajs-internals.js';
import type { SinkError } from '../../../proxy/kafka/sink.js';

const forbidden = 29;
const notAttempted = 55;
const advice = createAdvice({
  ...{ bootstrap: 'k:9092', positionTopic: 'hall.positions', transactionalId: 'headwater-hall-0' },
});

function answer(...errors: [topic: string, errorCode: number][]) {
  return {
    errors: errors.map(([topic, errorCode]) => ({
      ...{ topic, partitionErrors: [{ partition: 0, errorCode }] },
    })),
  };
}

function said(work: () => unknown): SinkError {
  try {
    work();
  } catch (error) {
    return advice.explain(sinkError(error, 'transaction'), 'transaction');
  }
  throw new Error('nothing was thrown');
}

test('partitions without an error pass', () => {
  const all = answer(['hall.climate', 0], ['hall.positions', 0]);
  assert.is(partitionsAdded(all), all);
});

test('the topic that is forbidden is named, not the neighbour that was not attempted', () => {
  const error = said(() =>
    partitionsAdded(answer(['hall.air', notAttempted], ['hall.climate', forbidden])),
  );
  assert.is(error.kind, 'topic-forbidden');
  assert.is(error.topic, 'hall.climate');
  assert.match(error.message, /^topic hall\.climate may not be written; allow it: kafka-acls\.sh /);
});

test('what has no name of its own is an outage, with where and what to look at', () => {
  const error = said(() => {
    throw new Error('connect ECONNREFUSED');
  });
  assert.is(error.kind, 'unanswered');
  assert.match(error.message, /^Kafka at k:9092 can't be used now \(connect ECONNREFUSED\): /);
  assert.match(error.message, /kafka\.brokers/);
});

test('what Kafka says of a topic that was to be created is found in its list', () => {
  const exists = Object.assign(new Error('exists'), { type: 'TOPIC_ALREADY_EXISTS' });
  const list = Object.assign(new Error('Topic creation errors'), { errors: [exists] });
  assert.is(kafkaErrorType(list), 'TOPIC_ALREADY_EXISTS');
});

test('a login that Kafka refuses is no outage', () => {
  const error = said(() => {
    throw Object.assign(new Error('wrong'), { name: 'KafkaJSSASLAuthenticationError' });
  });
  assert.is(error.kind, 'misconfigured');
  assert.is(error.message, 'Kafka at k:9092 refuses the login (wrong): see kafka.sasl');
});

test('several topics and no name: all of them are said', () => {
  const error = advice.oneOf(
    sinkError(
      Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' }),
      'transaction',
    ),
    ['a', 'b'],
  );
  assert.is(error.message, 'one of the topics a, b: no');
});

test.run();

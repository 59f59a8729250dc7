// What Kafka says of several topics at once, as the library gives it: the one that is the cause is named.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAdvice } from '../../proxy/kafka/client-advice.js';
import { isLoginRefused, kafkaErrorType, sinkError } from '../../proxy/kafka/client-errors.js';
import { causeOf, connectError } from '../../proxy/kafka/platformatic-errors.js';
import { orSkip } from './library.js';

const forbidden = 29;
const missing = 3;
const notAttempted = 55;
const advice = createAdvice({
  ...{ bootstrap: 'k:9092', positionTopic: 'hall.positions', transactionalId: 'headwater-hall-0' },
});

await orSkip(({ AuthenticationError, NetworkError, ResponseError }) => {
  const explained = (error: unknown) =>
    advice.explain(sinkError(causeOf(error), 'transaction'), 'transaction');

  test('the topic that is forbidden is named, not the neighbour that was not attempted', () => {
    const place = (topic: number) =>
      `/results_by_transaction/0/topic_results/${topic}/results_by_partitions/0`;
    const errors = {
      [place(0)]: [notAttempted, null] as [number, null],
      [place(1)]: [forbidden, null] as [number, null],
    };
    const topicResults = [{ name: 'hall.air' }, { name: 'hall.climate' }];
    const error = new ResponseError(24, 2, errors, { resultsByTransaction: [{ topicResults }] });
    const { kind, topic, message } = explained(error);
    assert.is(kind, 'topic-forbidden');
    assert.is(topic, 'hall.climate');
    assert.match(message, /^topic hall\.climate may not be written; allow it: kafka-acls\.sh /);
  });

  test('of a batch, too', () => {
    const errors = { '/responses/1/partition_responses/2': [missing, null] as [number, null] };
    const responses = [{ name: 'hall.air' }, { name: 'hall.climate' }];
    const { kind, topic } = explained(new ResponseError(0, 7, errors, { responses }));
    assert.is(kind, 'topic-missing');
    assert.is(topic, 'hall.climate');
  });

  test('what Kafka says is what a person hears, not that it said something', () => {
    const { message } = explained(new ResponseError(22, 1, { '/': [14, null] }, {}));
    assert.match(message, /can't be used now \(The coordinator is loading/);
  });

  test('a refused login is one, however deep it lies', () => {
    const answer = new ResponseError(36, 1, { '/': [58, 'Authentication failed'] }, {});
    const cause = new AuthenticationError('SASL authentication failed.', { cause: answer });
    const error = new NetworkError('Connection to k:9092 failed.', { cause });
    assert.ok(isLoginRefused(error));
    assert.is(explained(error).kind, 'misconfigured');
  });

  test('a connection that is refused says what the system says', () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:9092');
    const error = connectError(new NetworkError('Connection to k:9092 failed.', { cause }));
    assert.match(explained(error).message, /can't be used now \(connect ECONNREFUSED 127/);
  });

  test('what is no answer stays what it is', () => {
    const lost = new NetworkError('Connection closed');
    assert.is(causeOf(lost), lost);
    assert.is(kafkaErrorType(lost), null);
    assert.is(explained(lost).kind, 'unanswered');
  });

  test.run();
});

// What the log says of letters: how many of each topic, and no topic's letters among another's.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LaneEvent } from '../../../proxy/kafka/lane-types.js';
import { createLetterLog, toLetter } from '../../../proxy/kafka/letters.js';
import type { SinkRecord } from '../../../proxy/kafka/sink.js';
import { TestClock } from '../talk.js';

const dead = 'hall.headwater.dead';

function records(topic: string, count: number, why = 'missing'): SinkRecord[] {
  const record = {
    ...{ topic, key: Buffer.from('press-07'), value: Buffer.from('1') },
    ...{ timestampMs: 0, headers: {} },
  };
  return Array.from({ length: count }, () => toLetter(record, { why, isCut: false }, dead, 0));
}

function world() {
  const clock = new TestClock();
  const events: LaneEvent[] = [];
  const tell = createLetterLog('lane 0', dead, clock, (event) => events.push(event));
  return {
    ...{ clock, tell },
    lines: () => events.flatMap((event) => (event.kind === 'line' ? event.text : [])),
    count: () =>
      events.reduce((all, event) => all + (event.kind === 'dead-letters' ? event.records : 0), 0),
  };
}

const line = (count: number, topic: string, why = 'missing') =>
  `lane 0: ${count} for ${topic} became dead letters in ${dead}: ${why}`;

test('what was left unsaid for one topic is not said of another', () => {
  const { clock, tell, lines, count } = world();
  tell(records('a', 2));
  tell(records('a', 510));
  clock.advance(11_000);
  tell(records('b', 10));
  assert.equal(lines(), [line(2, 'a'), line(10, 'b')]);
  tell(records('a', 1));
  assert.equal(lines().slice(2), [line(511, 'a')]);
  assert.is(count(), 523);
});

test('a transaction with letters of several topics: each has its line, its count and its reason', () => {
  const { tell, lines, count } = world();
  const plain = { ...records('a', 1)[0]!, topic: 'a' };
  tell([...records('a', 3), plain, ...records('b', 4, 'forbidden')]);
  assert.equal(lines(), [line(3, 'a'), line(4, 'b', 'forbidden')]);
  assert.is(count(), 7);
  tell([plain]);
  assert.is(count(), 7);
});

test('of each topic one line in ten seconds', () => {
  const { clock, tell, lines } = world();
  for (let second = 0; second < 60; second++) {
    tell(records('a', 1));
    clock.advance(1_000);
  }
  assert.equal(lines(), [line(1, 'a'), ...Array.from({ length: 5 }, () => line(10, 'a'))]);
});

test.run();

// A letter read back, notes of what was resent, and which offsets they say.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FetchedMessage } from '../../../proxy/kafka/broker.js';
import { encodeNote, readFound, toResent } from '../../../proxy/kafka/dead-letter.js';
import { toLetter } from '../../../proxy/kafka/letters.js';
import { OffsetRanges } from '../../../proxy/kafka/offset-ranges.js';
import type { SinkRecord } from '../../../proxy/kafka/sink.js';
import { Random } from '../../random.js';

const record: SinkRecord = {
  topic: 'hall.climate',
  key: Buffer.from('press-07'),
  value: Buffer.from('{"t":21}'),
  timestampMs: 1234,
  headers: { 'hw-id': '7/42', 'hw-time': 'synced' },
};

function message(
  offset: number,
  { value, headers, timestampMs = 0 }: Partial<SinkRecord>,
): FetchedMessage {
  return {
    offset: String(offset),
    timestamp: String(timestampMs),
    key: Buffer.from('press-07'),
    value: Buffer.from(value ?? ''),
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(text)]),
    ),
    isControlRecord: false,
    batchContext: { producerId: '1', inTransaction: true },
  };
}

test('what goes home is the record that it was, and says where its letter lies', () => {
  const letter = toLetter(record, { why: 'too large', isCut: false }, 'hall.dead', 9999);
  const found = readFound(message(17, letter), 3);
  if (found.kind !== 'letter') throw new Error(found.kind);
  assert.equal(
    [found.letter.why, found.letter.madeMs, found.letter.id],
    ['too large', 9999, '7/42'],
  );
  const home = toResent(found.letter, found.letter.record.value);
  assert.equal(
    { ...home, key: String(home.key), value: String(home.value) },
    {
      ...record,
      ...{ key: 'press-07', value: '{"t":21}' },
      headers: { ...record.headers, 'hw-resent': '3/17' },
    },
  );
});

test('a cut letter says what its whole value is', () => {
  const large = { ...record, value: Buffer.alloc(10_000, 1) };
  const letter = toLetter(large, { why: 'too large', isCut: true }, 'hall.dead', 9999);
  const found = readFound(message(1, letter), 0);
  assert.is(found.kind === 'letter' && found.letter.whole?.bytes, 10_000);
  assert.is(found.kind === 'letter' && found.letter.record.value.length, 4096);
});

test('a note names exactly its letters, as ranges; what is no note and no letter is neither', () => {
  const letters = [3, 4, 5, 9, 11, 12].map((offset) => {
    const letter = toLetter(record, { why: '', isCut: false }, 'hall.dead', 1);
    const found = readFound(message(offset, letter), 0);
    if (found.kind !== 'letter') throw new Error(found.kind);
    return found.letter;
  });
  const { value, headers } = encodeNote(letters, 'run-1', 0);
  const found = readFound(message(13, { value: Buffer.from(value), headers }), 0);
  assert.equal(found, {
    kind: 'note',
    note: {
      partition: 0,
      run: 'run-1',
      resent: [
        [3, 6],
        [9, 10],
        [11, 13],
      ],
    },
  });
  for (const text of ['', 'null', '{}', '{"resent":[[1]]}', '{"resent":[["1","2"]]}', '{']) {
    const other = readFound(message(1, { value: Buffer.from(text), headers }), 0);
    assert.is(other.kind, 'other', text);
  }
  assert.is(readFound(message(1, { headers: {} }), 0).kind, 'other');
});

test('ranges in any order, overlapping and apart, hold what a set of their offsets holds', () => {
  const random = new Random(7);
  for (let round = 0; round < 200; round++) {
    const ranges = new OffsetRanges();
    const set = new Set<number>();
    for (let n = 0; n < random.below(12); n++) {
      const from = random.below(60);
      const to = from + 1 + random.below(8);
      ranges.add([[from, to]]);
      for (let offset = from; offset < to; offset++) set.add(offset);
      const looked = random.below(70);
      assert.is(ranges.has(looked), set.has(looked));
    }
    for (let offset = 0; offset < 70; offset++) {
      assert.is(ranges.has(offset), set.has(offset), `${round}: ${offset}`);
    }
  }
});

test.run();

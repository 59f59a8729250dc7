import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFound } from '../../../proxy/kafka/dead-letter.js';
import { line } from '../../../proxy/offline/dlq-list.js';

// What `headwater dlq list` prints of a letter. The whole command on Apache Kafka: test/e2e/dead-letters-resent.test.ts.

const test = suite('dlq list');

function lineOf(timestamp: string, key = 'kiln'): string {
  const found = readFound(
    {
      ...{ key: Buffer.from(key), value: Buffer.from('{}'), offset: '7' },
      timestamp: '1764000000000',
      headers: { 'hw-topic': 'climate', 'hw-why': 'oversize', 'hw-timestamp': timestamp },
    } as unknown as Parameters<typeof readFound>[0],
    2,
  );
  if (found.kind !== 'letter') throw new Error(found.kind);
  return line(found.letter, false);
}

test('a letter with its time', () => {
  assert.match(
    lineOf('1764000000001'),
    /^2025-11-24T16:00:00\.001Z {2}kiln .* {2}climate .*oversize$/,
  );
});

test('a letter that another program wrote does nothing to a terminal', () => {
  assert.match(lineOf('1764000000001', 'kiln\x1b[2J'), / {2}kiln\\u001b\[2J .*oversize$/);
});

for (const timestamp of ['soon', '', '-', '99999999999999999999', '1e400']) {
  test(`a letter whose hw-timestamp is '${timestamp}' is listed all the same`, () => {
    assert.match(lineOf(timestamp), / {2}kiln .* {2}climate .*oversize$/);
  });
}

test.run();

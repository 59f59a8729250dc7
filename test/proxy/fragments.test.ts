import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeItem } from '../../proxy/cbor.js';
import { Fragments } from '../../proxy/fragments.js';
import { FRAGMENT } from '../../sdk/wire.js';
import { Random } from '../random.js';
import { TestClock } from './talk.js';

// Frames in parts: what makes one, and what must not.

function part(number: number, index: number, last: 0 | 1, bytes: Uint8Array): Uint8Array {
  const head: number[] = [];
  for (const item of [FRAGMENT, number, index, last]) writeItem(head, item);
  return Uint8Array.from([...head, ...bytes]);
}

const a = Uint8Array.of(1, 2, 3);
const b = Uint8Array.of(4, 5);
const whole = [1, 2, 3, 4, 5];

/** What each body is answered by: a frame's bytes, or a word. */
function takeAll(...bodies: (Uint8Array | number)[]) {
  const clock = new TestClock();
  const fragments = new Fragments(clock);
  return bodies.flatMap((body): (number[] | string)[] => {
    if (typeof body === 'number') {
      clock.advance(body);
      return [];
    }
    const answer = fragments.take(body);
    if (answer.type === 'frame') return [[...answer.frame]];
    return [answer.type === 'dropped' ? answer.why : answer.type];
  });
}

test('parts in order are a frame; one that came twice is nothing', () => {
  assert.equal(takeAll(part(7, 0, 0, a), part(7, 1, 1, b)), ['waiting', whole]);
  assert.equal(
    takeAll(
      part(7, 0, 0, a),
      part(7, 0, 0, a),
      part(7, 1, 0, b),
      part(7, 1, 0, b),
      part(7, 2, 1, a),
    ),
    ['waiting', 'waiting', 'waiting', 'waiting', [...whole, 1, 2, 3]],
  );
  assert.equal(takeAll(part(7, 0, 1, a)), [[1, 2, 3]]);
});

test('a frame in parts of a byte each holds no more memory than a frame', () => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const parts = Array.from({ length: 2_300 }, (_, index) => part(7, index, 0, Uint8Array.of(1)));
  const before = used();
  const all = Array.from({ length: 50 }, () => new Fragments(new TestClock()));
  for (const one of all) for (const body of parts) one.take(body);
  const each = (used() - before) / all.length;
  assert.ok(each < 4 * 2_304, `${Math.round(each)} bytes`);
  assert.equal(all.at(-1)?.take(part(7, 2_300, 1, b)).type, 'frame');
});

test('a missing part, another number and 5 s drop it', () => {
  assert.equal(takeAll(part(7, 0, 0, a), part(7, 2, 1, b)), ['waiting', 'missing']);
  assert.equal(takeAll(part(7, 0, 0, a), part(8, 1, 1, b)), ['waiting', 'missing']);
  assert.equal(takeAll(part(7, 1, 1, b)), ['missing']);
  assert.equal(takeAll(part(7, 0, 0, a), part(8, 0, 0, a), part(7, 1, 1, b)), [
    ...['waiting', 'waiting', 'missing'],
  ]);
  assert.equal(takeAll(part(7, 0, 0, a), 5_001, part(7, 1, 1, b)), ['waiting', 'late']);
  assert.equal(takeAll(part(7, 0, 0, a), part(7, 1, 1, b), part(7, 1, 1, b)), [
    ...['waiting', whole, 'missing'],
  ]);
});

test('no more is held than a frame, and what is no fragment is said', () => {
  const large = new Uint8Array(1_200).fill(1);
  assert.equal(takeAll(part(1, 0, 0, large), part(1, 1, 1, large)), ['waiting', 'oversize']);
  for (const bytes of [[], [0], [0, 0], [0, 0, 2, 1], [0, 0, 1], [0xff], [0, 0x61, 1, 1]]) {
    assert.equal(takeAll(Uint8Array.of(FRAGMENT, ...bytes)), ['malformed']);
  }
  const random = new Random(1);
  const fragments = new Fragments(new TestClock());
  for (let round = 0; round < 20_000; round++) {
    fragments.take(Uint8Array.of(FRAGMENT, ...random.bytes(random.below(12))));
  }
});

test.run();

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlockEvent } from '../../proxy/block.js';
import { Random } from '../random.js';
import { device } from './device.js';
import { farEnd } from './far-end.js';
import { declare, type Sample, samples } from './samples.js';
import { checked, modelStore, type Policy } from './stores/model.js';

// Long random runs: events of all kinds, refusals, a store that is too small, credit, lost frames, lost ACKs, gaps, links that
// take a few bytes, cuts and resets. In the end blocks and lost ranges have covered every seq once, in order; what was accepted and
// not dropped by the store's policy is there with its values and its uptime, and nothing else is.

interface Run {
  seed: number;
  steps: number;
  start: number;
  bufferBytes: number;
  /** Undefined: the default store, which no model watches. */
  policy?: Policy;
}

function run({ seed, steps, start, bufferBytes, policy }: Run) {
  const random = new Random(seed);
  const { sdk, engine, link } = device(start);
  const streams = declare(sdk);
  const far = farEnd(link);
  const blockBytes = Math.min(bufferBytes >> 2, 216);
  const sizeBytes = bufferBytes - blockBytes;
  const dropped = new Set<number>();
  const sent: (Sample | false)[] = [];
  let refusals = 0;
  engine.draws.push(...Array.from({ length: 100_000 }, () => random.next()));

  const watch = (kind: Policy) => {
    const store = kind === 'keep oldest' ? sdk.keepOldest(sdk.ram(sizeBytes)) : sdk.ram(sizeBytes);
    const model = modelStore(sizeBytes, kind);
    const gaveUp = (gone: { first: number; count: number }[]) => {
      for (const { first, count } of gone) {
        assert.ok(first + count > sdk.stats().acknowledged, 'what is acknowledged was forgotten');
        for (let seq = first; seq < first + count; seq++) {
          assert.ok(sent[seq] !== false, 'a refused event was never in a store');
          assert.not(dropped.has(seq), `${seq} was dropped before`);
          dropped.add(seq);
        }
      }
    };
    return checked(store, model, gaveUp, (message) => assert.unreachable(message));
  };
  const hw = sdk.producer({
    device: 'mote-1',
    link,
    bufferBytes,
    lingerMs: random.pick([0, 100, 5000]),
    ...(policy && { store: watch(policy) }),
  });
  const make = samples(random, sdk, hw, streams);

  const heard = () => far.hear(() => random.next() < 0.1);
  const actions: [weight: number, action: () => void][] = [
    [
      40,
      () => {
        const sample = make(engine.clock());
        const taken = sample.send();
        if (sample.taken !== undefined) assert.is(taken, sample.taken);
        sent.push(taken === false ? false : sample);
        if (taken === false) refusals++;
      },
    ],
    [8, () => engine.advance(random.below(200))],
    [2, () => engine.advance(random.below(8000))],
    [10, heard],
    [
      8,
      () => {
        heard();
        if (far.live) far.ack();
      },
    ],
    [
      6,
      () => {
        heard();
        if (far.asked) far.welcome();
      },
    ],
    [
      4,
      () => {
        far.limit = Math.max(far.limit, far.taken.length + random.below(60));
      },
    ],
    [1, () => sdk.flush(() => {}, random.below(3000))],
    [3, () => (link.room = random.pick([0, 1, 7, 64, 300]))],
    [
      6,
      () => {
        link.room = Infinity;
        link.events?.ready();
      },
    ],
    [
      1,
      () => {
        far.cut();
        link.events?.down();
      },
    ],
    [
      1,
      () => {
        if (far.live) far.reset(random.below(1000));
      },
    ],
  ];
  const bag = actions.flatMap(([weight, action]) => Array.from({ length: weight }, () => action));
  for (let step = 0; step < steps; step++) {
    random.pick(bag)();
    const { acknowledged, buffered, accepted, refused } = sdk.stats();
    assert.ok(acknowledged <= far.taken.length);
    assert.is(acknowledged + buffered, sent.length);
    assert.is(accepted, sent.length - refusals);
    assert.is(refused, refusals);
  }

  // The line is good from here on: everything arrives.
  link.room = Infinity;
  far.limit = 2 ** 32;
  for (let round = 0; sdk.stats().buffered; round++) {
    assert.ok(round < 1000, 'it comes to an end');
    sdk.flush(() => {}, 0);
    link.events?.ready();
    engine.advance(1000);
    far.exchange();
  }
  verify(far.taken, sent);
  const lost = sent.filter((sample, seq) => sample && typeof far.taken[seq] === 'string').length;
  if (policy) {
    for (const [seq, taken] of far.taken.entries()) {
      if (typeof taken === 'string' && sent[seq]) {
        assert.ok(dropped.has(seq), `${seq} was accepted, not dropped, and is lost`);
      }
    }
    assert.is(sdk.stats().dropped, dropped.size);
  }
  assert.ok(lost <= sdk.stats().dropped);
  assert.equal(engine.pending(), 0, 'nothing is awaited any more');
  return { sent: sent.length, lost, dropped: sdk.stats().dropped };
}

function verify(taken: readonly (BlockEvent | string)[], sent: readonly (Sample | false)[]) {
  assert.is(taken.length, sent.length, 'every seq is covered');
  for (const [seq, one] of taken.entries()) {
    const sample = sent[seq];
    if (typeof one === 'string') continue;
    assert.ok(sample, `${seq} was refused and is there`);
    if (sample) assert.equal(sample.read(one), sample.expected, `${seq}`);
  }
}

const starts = [0, 2 ** 31 - 100_000, 2 ** 32 - 100_000, 2 ** 40];
for (const policy of ['drop oldest', 'keep oldest', undefined] as const) {
  for (const [index, bufferBytes] of [1024, 256, 64, 4096].entries()) {
    const seed = 10 * bufferBytes + (policy?.length ?? 0);
    test(`${policy ?? 'the default store'}, ${bufferBytes} bytes, seed ${seed}`, () => {
      const { sent, lost, dropped } = run({
        ...{ seed, steps: 6000, start: starts[index]!, bufferBytes },
        ...(policy && { policy }),
      });
      assert.ok(sent > 2000);
      // The run went where it was meant to: the store overflowed.
      if (bufferBytes < 4096) assert.ok(dropped > 20 && lost > 20, `${lost} of ${dropped}`);
    });
  }
}

test.run();

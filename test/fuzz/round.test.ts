import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../random.js';
import { fromHex, toHex } from './corpus.js';
import { mutate } from './mutate.js';
import { runRound } from './round.js';
import { decodeScript, encodeScript } from './script.js';
import { check, type Subject, type Target } from './target.js';
import { targets } from './targets/all.js';
import { watchRound } from './watch.js';

// The fuzzer itself: does it see what it is there to see?

const watch = { before() {}, isOver: () => false };
const limits = { inputs: 20_000, seconds: 60, seed: 3, keepsGoing: false };

function targetOf(run: Subject['run']): Target {
  return {
    name: 'planted',
    checks: 'nothing',
    arbitrary: fc.uint8Array({ maxLength: 20 }),
    seeds: () => [{ name: 'a', bytes: Uint8Array.of(1, 2, 3, 4) }],
    fresh: () => ({ run }),
  };
}

async function reportOf(run: Subject['run'], more: Partial<typeof limits> = {}) {
  const target = targetOf(run);
  return (await runRound(target, target.seeds(), { ...limits, ...more }, watch)).report;
}

test('what holds of everything is no finding', async () => {
  const { findings, inputs } = await reportOf(({ length }) => `${length}`);
  assert.equal(findings, []);
  assert.is(inputs, limits.inputs);
});

test('a corpus that takes longer than the round is read, and an input of its own behind it', async () => {
  const slow = async () => {
    await setTimeout(20);
    return '';
  };
  const { inputs } = await reportOf(slow, { seconds: 0.001 });
  assert.is(inputs, 2);
});

test('a check that does not hold is found, as small as it can be', async () => {
  const { findings } = await reportOf((input) => {
    check(!input.includes(0xee), 'an 0xee');
    return '';
  });
  assert.equal(
    findings.map(({ kind, message, hex }) => ({ kind, message, hex })),
    [{ kind: 'violation', message: 'an 0xee', hex: 'ee' }],
  );
});

test('an exception is found, one that comes later too', async () => {
  const late = async (input: Uint8Array) => {
    await null;
    if (input.length > 30) throw new TypeError('too long');
    return '';
  };
  const { findings } = await reportOf(late);
  assert.equal(
    findings.map(({ kind, message, hex }) => [kind, message, hex.length]),
    [['exception', 'too long', 62]],
  );
});

test('an input that costs too much is found, and one that was slow once is not', async () => {
  const burn = () => {
    const since = process.cpuUsage();
    for (;;) {
      const { user, system } = process.cpuUsage(since);
      if (user + system > 80_000) break;
    }
  };
  let runs = 0;
  const once = await reportOf(
    () => {
      if (runs++ === 5) burn();
      return '';
    },
    { inputs: 50 },
  );
  assert.equal(once.findings, []);
  const { findings } = await reportOf(
    (input) => {
      if (input[0] === 1) burn();
      return '';
    },
    { inputs: 2 },
  );
  assert.equal(
    findings.map(({ kind, hex }) => [kind, hex]),
    [['slow', '01020304']],
  );
});

test('memory that is held after the inputs is found', async () => {
  const held: Uint8Array[] = [];
  const { findings } = await reportOf(
    () => {
      held.push(new Uint8Array(40_000).fill(1));
      return '';
    },
    { inputs: 3_000 },
  );
  assert.ok(held.length >= 3_000);
  assert.equal(
    findings.map(({ kind }) => kind),
    ['memory'],
  );
});

test('one seed gives one sequence, another one another', async () => {
  const inputsOf = async (seed: number) => {
    const seen: string[] = [];
    await reportOf(
      (input) => {
        // One that took long by the clock is run again.
        if (seen.at(-1) !== toHex(input)) seen.push(toHex(input));
        return `${input.length % 7}`;
      },
      { seed, inputs: 500 },
    );
    return seen;
  };
  assert.equal(await inputsOf(5), await inputsOf(5));
  assert.is.not((await inputsOf(5)).join(), (await inputsOf(6)).join());
});

test('a mutant is another input most of the time, and never longer than a few frames', () => {
  const random = new Random(9);
  const bytes = random.bytes(16_000);
  let others = 0;
  for (let left = 500; left > 0; left--) {
    const mutant = mutate(bytes, random, bytes);
    assert.ok(mutant.length <= 16_384);
    if (toHex(mutant) !== toHex(bytes)) others++;
  }
  assert.ok(others > 450, `${others}`);
});

test('any bytes are a script, and a script is read as it was written', () => {
  const steps = [
    { operation: 2, bytes: Uint8Array.of(1, 2) },
    { operation: 0, bytes: new Uint8Array(300) },
  ];
  assert.equal(decodeScript(encodeScript(steps), 5, 9), steps);
  const random = new Random(2);
  for (let left = 200; left > 0; left--) {
    for (const { operation } of decodeScript(random.bytes(50), 5, 9)) assert.ok(operation < 5);
  }
});

test('one input alone is read in a thread as in a round', async () => {
  const [{ name }] = targets as [Target];
  const only = [{ name: 'input', bytes: fromHex('0301020003') }];
  const { report } = await watchRound(name, { ...limits, inputs: 1 }, only).done;
  assert.equal([report.target, report.inputs, report.findings], [name, 1, []]);
});

test.run();

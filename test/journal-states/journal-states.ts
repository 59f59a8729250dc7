// `npm run journal-states`: many sequences of operations on a journal, crashed at every call to the disk, until enough
// states were recovered. The first that breaks the promise ends it, and is said with the command that plays it again.

import { Command, InvalidArgumentError } from 'commander';
import { Tally } from './count.js';
import { playSequence, type Replay, Violation } from './sequence.js';

interface Flags {
  states: number;
  seed: number;
  replay?: { seed: number; state: number };
  json?: boolean;
}

const everyMs = 5_000;

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('A whole number.');
  return value;
}

/** Of nothing there is no promise to be held. */
function positive(text: string): number {
  const value = integer(text);
  if (value === 0) throw new InvalidArgumentError('At least 1.');
  return value;
}

function pair(text: string): { seed: number; state: number } {
  const [, seed, state] = /^(\d+):(\d+)$/.exec(text) ?? [];
  if (seed === undefined || state === undefined) {
    throw new InvalidArgumentError('SEED:STATE, as a violation is said.');
  }
  return { seed: Number(seed), state: Number(state) };
}

const flags = new Command('npm run journal-states --')
  .description(
    'Crashes the journal at every call to its disk, and checks what it recovers from each disk that may be left.',
  )
  .option('--states <n>', 'how many recovered states at least, 1 or more', positive, 100_000)
  .option(
    '--seed <s>',
    'the first seed; each is a few sequences of operations on one disk',
    integer,
    1,
  )
  .option('--replay <seed:state>', 'one state of a seed, with every step on the way there', pair)
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
What is done to the journal (the built code, on a simulated disk): append, fsync, rotation, checkpoint, deletion, the
reserve, failed writes and fsyncs, a full disk, closing, openings that want another number of lanes. At each call to the disk:

  kill     the process is gone; the last write is there whole or up to any sector
  power    of what was not synced any part is left: names, removals, lengths, sectors of 64 bytes. Up to six such
           pieces are left in each of the 2^n ways; more of them as prefixes, one alone, one missing, and at random

Each such disk is opened and checked: no acknowledged event is lost, none is invented or out of order, no place and no
confirmation moves back, tables and books are what the records say, and what is cut off was not acknowledged.
A third of them is killed and opened again: the same answers, the same bytes. Some crash again during that
recovery or after it, and every sequence but a seed's first begins behind a crash.

Exit codes: 0 the promise held, 1 it was broken, 2 wrong use.

Examples:
  npm run journal-states -- --states 100000 --seed 1
  npm run journal-states -- --replay 17:412          the state that a violation named`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse()
  .opts<Flags>();

const beganMs = performance.now();
const tally = new Tally();
const secondsSince = () => (performance.now() - beganMs) / 1000;

function sayProgress(seed: number): void {
  const rate = (tally.states / secondsSince()).toFixed(0);
  const { states, sequences } = tally;
  const of = `${states} of ${flags.states} states`;
  process.stderr.write(`${of}, ${sequences} sequences, seed ${seed}, ${rate} a second\n`);
}

async function play(seed: number, replay: Replay | null): Promise<Violation | null> {
  try {
    await playSequence(seed, tally, replay);
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

async function playAll() {
  let saidMs = beganMs;
  let seed = flags.seed;
  for (; tally.states < flags.states; seed++) {
    const violation = await play(seed, null);
    if (violation !== null) return { seed, violation };
    if (performance.now() - saidMs < everyMs) continue;
    saidMs = performance.now();
    sayProgress(seed);
  }
  return { seed: seed - 1, violation: null };
}

async function playOne({ seed, state }: { seed: number; state: number }) {
  const print = (line: string) => process.stderr.write(`${line}\n`);
  return { seed, violation: await play(seed, { state, print }) };
}

const { seed, violation } = await (flags.replay === undefined ? playAll() : playOne(flags.replay));
const seconds = Number(secondsSince().toFixed(1));
const failed =
  violation === null
    ? null
    : {
        seed,
        state: violation.state,
        message: violation.message,
        where: violation.where,
        replay: `npm run journal-states -- --replay ${seed}:${violation.state}`,
      };
if (failed !== null) {
  process.stderr.write(`VIOLATION: ${failed.message}\n  ${failed.where}\n  ${failed.replay}\n`);
}
const { states, sequences, moments, reopened, refusedByDisk } = tally;
const firstSeed = flags.replay?.seed ?? flags.seed;
if (flags.json) {
  const { byOperation, byCrash, byDepth } = tally;
  const counts = { states, sequences, moments, reopened, refusedByDisk };
  const by = { byOperation, byCrash, crashesInARow: byDepth };
  const result = { ...counts, ...by, seeds: [firstSeed, seed], seconds, violation: failed };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} else {
  process.stdout.write(
    `${states} states recovered, ${reopened} of them twice; ${sequences} sequences of operations, crashed at ` +
      `${moments} calls to the disk (seeds ${firstSeed} to ${seed})\n\n` +
      `${table('while', tally.byOperation)}\n\n${table('crash', tally.byCrash)}\n\n` +
      `${table('crashes in a row', tally.byDepth)}\n\n` +
      `${failed === null ? 'no violation' : 'VIOLATION'}, ${seconds} s\n`,
  );
}
process.exitCode = failed === null ? 0 : 1;

function table(title: string, counts: Record<string, number>): string {
  const rows = [[title, 'states'], ...Object.entries(counts)];
  return rows
    .map(([name, count]) => `${String(name).padEnd(20)}${String(count).padStart(9)}`)
    .join('\n');
}

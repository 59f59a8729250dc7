// `npm run chaos`: a whole site under faults, and the count of what is left of it.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetupError } from '../kafka/jars.js';
import { faults } from './faults/all.js';
import { report, summarize, table } from './report.js';
import { runChaos } from './run.js';
import { schedule } from './schedule.js';
import { openSite } from './site.js';
import { sentence } from './tally.js';

const width = Math.max(...faults.map(({ name }) => name.length));
const help = `Usage: npm run chaos -- [--kills N] [--each K] [--seed S] [--minutes M] [--only KIND] [--json]

The built proxy as a process, a real Apache Kafka of its own, devices in QuickJS and in Node that send
without a pause, and one fault after the other, each healed and flow awaited before the next. At the
end everything drains, and a separate read_committed consumer counts by (device, boot, seq) what is
lost, twice, out of order or made up; the books of proxy and devices must say the same.

  --kills N     SIGKILLs of the proxy (20); with --only: faults of that kind
  --each K      faults of each other kind (a tenth of N, rounded up)
  --seed S      which faults in which order, and what they do (from the clock, and printed)
  --minutes M   begins no new fault after so long
  --only KIND   one kind of fault
  --devices D   how many devices (6), every second one in QuickJS; the last has little memory
  --every MS    how often each of them sends (25)
  --keep        keeps the run's folder also where nothing is amiss
  --json        one JSON object on standard output
  --help        this text

Kinds: ${faults.map(({ name, about }) => `${name.padEnd(width)}  ${about}`).join('\n       ')}

Progress goes to standard error. Exit code 1 where anything is amiss; then everything that is needed
to look into it is kept: sent.log (what the devices sent), proxy.log (what every proxy said, and the
faults between), the journal, Kafka's data.`;

interface Flags {
  kills: number;
  each: number;
  seed: number;
  minutes: number;
  devices: number;
  every: number;
  only: string | null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string' },
      each: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string' },
      devices: { type: 'string' },
      every: { type: 'string' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help === true) return console.log(help);
  const flags = flagsOf(values);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const folder = await mkdtemp(join(tmpdir(), 'headwater-chaos-'));
  const rounds = schedule(faults, flags);
  say(`seed ${flags.seed}, ${rounds.length} faults, in ${folder}`);
  const beginMs = performance.now();
  const scene = await openSite({ folder, devices: flags.devices, everyMs: flags.every, say });
  const outcome = await runChaos({
    ...{ scene, rounds, seed: flags.seed },
    endMs: beginMs + flags.minutes * 60_000,
    onRound: ({ fault, resumedMs, allMs }, number) =>
      say(
        `${number}/${rounds.length} ${fault}: flows after ${resumedMs} ms, all after ${allMs} ms`,
      ),
  })
    .catch((error: Error) => {
      throw new Error(`${error.message}; everything is kept in ${folder}`, { cause: error });
    })
    .finally(() => scene.close());
  const isSound = outcome.amiss.length === 0;
  const isKept = !isSound || values.keep === true;
  if (!isKept) await scene.remove();
  const seconds = Math.round((performance.now() - beginMs) / 1000);
  const summary = report({ ...flags, seconds, ...outcome, folder: isKept ? folder : null });
  if (values.json === true) console.log(JSON.stringify(summary));
  else {
    console.log(table(summarize(outcome.rounds)));
    console.log(`${sentence(outcome.verdict)} (${seconds} s)`);
  }
  for (const line of outcome.amiss) say(`AMISS: ${line}`);
  if (isKept) say(`kept: ${folder}`);
  process.exitCode = isSound ? 0 : 1;
}

type Given = Partial<Record<keyof Flags, string>>;

function flagsOf(values: Given): Flags {
  const number = (name: keyof Flags, unless: number) => {
    const value = Number(values[name] ?? unless);
    if (value >= 0) return value;
    throw new SetupError(`--${name} takes a number; see --help`);
  };
  const only = values.only ?? null;
  if (only !== null && !faults.some(({ name }) => name === only)) {
    throw new SetupError(`--only takes one of ${faults.map(({ name }) => name).join(', ')}`);
  }
  const kills = number('kills', 20);
  return {
    ...{ kills, only, each: number('each', Math.ceil(kills / 10)) },
    seed: number('seed', Date.now() % 1_000_000),
    minutes: number('minutes', Number.POSITIVE_INFINITY),
    devices: number('devices', 6),
    every: number('every', 25),
  };
}

// So that what was started ends with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

main().then(
  () => process.exit(),
  (error: unknown) => {
    const isKnown = error instanceof SetupError || (error as { code?: string }).code !== undefined;
    process.stderr.write(`chaos: ${isKnown ? (error as Error).message : (error as Error).stack}\n`);
    process.exit(1);
  },
);

// `npm run chaos`: a whole site under faults, and the count of what is left of it.

import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { platformaticTrouble } from '../../proxy/kafka/platformatic-library.js';
import { SetupError } from '../kafka/jars.js';
import { againOnNode24 } from '../node-24.js';
import type { Fault } from './fault.js';
import { faults } from './faults/all.js';
import { writeFigures } from './figures.js';
import { recount } from './recount.js';
import { report, summarize, table } from './report.js';
import { runChaos } from './run.js';
import { schedule } from './schedule.js';
import { openSite } from './site.js';
import { isClean, sentence } from './tally.js';

const width = Math.max(...faults.map(({ name }) => name.length));
const help = `Usage: npm run chaos -- [--kills N] [--each K] [--seed S] [--minutes M] [--only KINDS] [--brokers B]
       [--ack kafka] [--client platformatic] [--lanes L] [--report FILE] [--json]

The built proxy as a process, a real Apache Kafka of its own, devices in QuickJS and in Node that send
without a pause, and one fault after the other, each healed and flow awaited before the next. At the
end everything drains, and a separate read_committed consumer counts by (device, boot, seq) what is
lost, twice, out of order or made up; the books of proxy and devices must say the same.

  --kills N     SIGKILLs of the proxy (20); with --only: faults of each of those kinds
  --each K      faults of each other kind (a tenth of N, rounded up)
  --seed S      which faults in which order, and what they do (from the clock, and printed)
  --minutes M   begins no new fault after so long
  --only KINDS  only these kinds of fault, by comma
  --brokers B   1, or a cluster of 3: then flow must be back while one is away
  --ack kafka   devices are told what Kafka has, and not what the journal has
  --client NAME the proxy's kafka.client, kafkajs unless told; platformatic runs all of it on a Node 24 of its own
  --lanes L     the proxy's kafka.lanes (1)
  --report FILE writes the figures into this page, in the place of this command's last ones
  --devices D   how many devices (6), every second one in QuickJS; the last has little memory
  --every MS    how often each of them sends (25)
  --count DIR   no run: counts one again that was kept, or ended before its count
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
  brokers: number;
  ack: 'journal' | 'kafka';
  client: 'kafkajs' | 'platformatic';
  lanes: number;
  only: string[] | null;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string' },
      each: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      only: { type: 'string' },
      brokers: { type: 'string' },
      ack: { type: 'string' },
      client: { type: 'string' },
      lanes: { type: 'string' },
      report: { type: 'string' },
      count: { type: 'string' },
      devices: { type: 'string' },
      every: { type: 'string' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help === true) return console.log(help);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  if (values.count !== undefined) {
    const { verdict, remarks } = await recount(values.count, say);
    console.log(values.json === true ? JSON.stringify(verdict) : sentence(verdict));
    for (const line of remarks) say(`AMISS: ${line}`);
    process.exitCode = isClean(verdict) ? 0 : 1;
    return;
  }
  const flags = flagsOf(values);
  if (flags.client === 'platformatic' && platformaticTrouble() !== null) {
    process.exitCode = await againOnNode24(say);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'headwater-chaos-'));
  const rounds = schedule(await possible(flags, say), flags);
  say(`seed ${flags.seed}, ${rounds.length} faults, in ${folder}`);
  const beginMs = performance.now();
  const loads = [loadavg()[0]!];
  const { devices, every: everyMs, brokers, ack, client, lanes } = flags;
  const scene = await openSite({ folder, devices, everyMs, brokers, ack, client, lanes, say });
  const outcome = await runChaos({
    ...{ scene, rounds, seed: flags.seed },
    endMs: beginMs + flags.minutes * 60_000,
    onRound({ fault, resumedMs, allMs }, number) {
      loads.push(loadavg()[0]!);
      say(
        `${number}/${rounds.length} ${fault}: flows after ${resumedMs} ms, all after ${allMs} ms`,
      );
    },
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
  if (values.report !== undefined) {
    const { verdict, amiss } = outcome;
    await writeFigures(values.report, {
      ...{ command: commandOf(process.argv.slice(2)), seed: flags.seed, seconds, devices },
      ...{ everyMs, brokers, loads, verdict, faults: summarize(outcome.rounds) },
      areBooksExact: !amiss.some((line) => line.includes(' says ') || line.includes('books say')),
    });
  }
  for (const line of outcome.amiss) say(`AMISS: ${line}`);
  if (isKept) say(`kept: ${folder}`);
  process.exitCode = isSound ? 0 : 1;
}

/** Without what this machine or so many brokers can't have, which is said. */
async function possible(flags: Flags, say: (line: string) => void): Promise<Fault[]> {
  const found: Fault[] = [];
  for (const fault of faults) {
    const { name, brokersMax = Number.POSITIVE_INFINITY } = fault;
    if (flags.only?.includes(name) === false) continue;
    const why =
      flags.brokers > brokersMax
        ? `it is for ${brokersMax} broker only`
        : name === 'journal-wiped' && flags.ack === 'kafka'
          ? 'with ack: kafka a new journal is not refused'
          : ((await fault.hindrance?.()) ?? null);
    if (why === null) found.push(fault);
    else say(`skipped: ${name}: ${why}`);
  }
  if (found.length === 0) throw new SetupError('none of these faults can be had');
  return found;
}

/** Without what changes from run to run. */
function commandOf(words: readonly string[]): string {
  const kept: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (/^--(seed|report|minutes)$/.test(word)) at++;
    else if (!/^--(seed|report|minutes|json|keep)\b/.test(word)) kept.push(word);
  }
  return ['npm run chaos --', ...kept].join(' ');
}

type Given = Partial<Record<keyof Flags, string>>;

function flagsOf(values: Given): Flags {
  const number = (name: keyof Flags, unless: number) => {
    const value = Number(values[name] ?? unless);
    if (value >= 0) return value;
    throw new SetupError(`--${name} takes a number; see --help`);
  };
  const only = values.only?.split(',') ?? null;
  const unknown = only?.find((kind) => !faults.some(({ name }) => name === kind));
  if (unknown !== undefined) {
    const kinds = faults.map(({ name }) => name).join(', ');
    throw new SetupError(`--only: there is no "${unknown}", but ${kinds}`);
  }
  const brokers = number('brokers', 1);
  if (brokers !== 1 && brokers !== 3) throw new SetupError('--brokers takes 1 or 3');
  const ack = values.ack ?? 'journal';
  if (ack !== 'journal' && ack !== 'kafka') throw new SetupError('--ack takes journal or kafka');
  const kills = number('kills', 20);
  const client = values.client ?? 'kafkajs';
  if (client !== 'kafkajs' && client !== 'platformatic') {
    throw new SetupError('--client takes kafkajs or platformatic');
  }
  return {
    ...{ kills, only, brokers, ack, client, each: number('each', Math.ceil(kills / 10)) },
    seed: number('seed', Date.now() % 1_000_000),
    minutes: number('minutes', Number.POSITIVE_INFINITY),
    devices: number('devices', 6),
    lanes: number('lanes', 1),
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

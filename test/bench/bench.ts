// `npm run bench`: the figures of docs/PERFORMANCE.md, each beside its reference in the same rounds, on a real broker of this machine.

import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { sharedBroker } from '../kafka/shared-broker.js';
import { intoDocument } from './document.js';
import { backlog } from './figures/backlog.js';
import { crowd } from './figures/crowd.js';
import type { Figure, Line, Sample, Scene } from './figures/figure.js';
import { flat } from './figures/flat.js';
import { journal } from './figures/journal.js';
import { keys } from './figures/keys.js';
import { lanes } from './figures/lanes.js';
import { latency } from './figures/latency.js';
import { newerNode } from './figures/newer-node.js';
import { throughput } from './figures/throughput.js';

const figures: readonly Figure[] = [
  throughput,
  lanes,
  keys,
  newerNode,
  journal,
  latency,
  crowd,
  backlog,
  flat,
];

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number from 1.');
}

function sizeOf(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([MG]?)B?$/.exec(text) ?? [];
  const factor = { '': 1, M: 1e6, G: 1e9 }[unit];
  if (number === undefined || factor === undefined) {
    throw new InvalidArgumentError('A size: 500M, 10G.');
  }
  return Math.round(Number(number) * factor);
}

function namesOf(text: string): Figure[] {
  return text.split(',').map((name) => {
    const found = figures.find((figure) => figure.name === name);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`One of ${figures.map((figure) => figure.name).join(', ')}.`);
  });
}

const flags = new Command('npm run bench --')
  .description('Measures what the built proxy carries, and what that costs, beside references.')
  .option('--only <names>', 'some of the figures, with commas between; all unless told', namesOf)
  .option('--rounds <n>', 'how often each is measured, in turns', count, 5)
  .option('--events <n>', 'of a throughput, in a round', count, 300_000)
  .option('--backlog <size>', 'of the journal that is drained', sizeOf, 10e9)
  .option('--json', 'one JSON object on standard output instead of the table')
  .option('--write', 'puts the table into README.md')
  .addHelpText(
    'after',
    `
Figures:
${figures.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')}

A figure is the median of its rounds, with the least and the most. Proxy, load and Kafka share this machine: only what stood beside
each other in one run can be compared. KAFKA_BROKERS=host:port puts another Kafka in the place of the one that is started.
Exit codes: 0 every goal met, 1 one is not, 2 wrong use.`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse()
  .opts<{
    only?: Figure[];
    rounds: number;
    events: number;
    backlog: number;
    json?: boolean;
    write?: boolean;
  }>();

const say = (text: string) => process.stderr.write(`${text}\n`);

function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${availableParallelism()} cores (${cpu?.model.trim()}), ${memory}, Linux ${release()}, Node ${process.versions.node}`;
}

function table(lines: readonly Line[]): string {
  const rows = lines.map(({ what, measured, reference, goal, isMet }) => {
    return `| ${what} | ${measured} | ${reference} | ${goal}${isMet ? '' : ' **missed**'} |`;
  });
  return ['| figure | measured | beside it | goal |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}

const scene: Scene = {
  bootstrap: await sharedBroker(),
  events: flags.events,
  backlogBytes: flags.backlog,
  say,
};
const samples = new Map<Figure, Sample[]>((flags.only ?? figures).map((figure) => [figure, []]));
const loads: number[] = [];
for (let round = 1; round <= flags.rounds; round++) {
  for (const [figure, taken] of samples) {
    const sample = await figure.measure(scene);
    taken.push(sample);
    const shown = Object.entries(sample).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    say(`round ${round} of ${flags.rounds}: ${figure.name}: ${shown.join(', ')}`);
  }
  loads.push(loadavg()[0]!);
}
const lines = [...samples].flatMap(([figure, taken]) => figure.lines(taken));
const about = `${machine()}; ${flags.rounds} rounds`;
if (flags.json === true) {
  const all = [...samples].map(([{ name }, taken]) => ({ name, samples: taken }));
  process.stdout.write(`${JSON.stringify({ machine: about, loads, lines, figures: all })}\n`);
} else {
  console.log(`${about}\n\n${table(lines)}`);
}
if (flags.write === true) await intoDocument('README.md', 'bench', `${table(lines)}\n\n${about}.`);
process.exit(lines.every(({ isMet }) => isMet) ? 0 : 1);

import { Command, InvalidArgumentError } from 'commander';
import { fromHex, readCorpus, toHex, writeCorpus } from './corpus.js';
import type { Limits, Report } from './round.js';
import type { Seed } from './target.js';
import { targets } from './targets/all.js';
import { type Watched, watchRound } from './watch.js';

// `npm run fuzz`: inputs into one target after the other, and what was found. The corpus first, which must always hold.

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number above 0');
  return value;
}

function names(text: string): string[] {
  const wanted = text.split(',').filter((name) => name !== '');
  for (const name of wanted) {
    if (targets.some((target) => target.name === name)) continue;
    throw new InvalidArgumentError(`one or more of ${targets.map((one) => one.name).join(', ')}`);
  }
  return wanted;
}

function hex(text: string): string {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new InvalidArgumentError('hex digits, two for a byte');
  return text;
}

const program = new Command('npm run fuzz --')
  .description(
    'Reads hostile input into each part of Headwater that reads any: mutated bytes and nearly valid messages, and checks what must hold.',
  )
  .option('--target <names>', 'which, with commas; all unless told', names)
  .option('--inputs <n>', 'how many into each, 1e6 is a number too', positive)
  .option('--seconds <n>', 'the most for each', positive)
  .option('--seed <n>', 'one seed gives one sequence; drawn and printed unless told', positive)
  .option('--input <hex>', 'reads this one alone, of one --target')
  .option('--keep <name>', 'puts --input into the corpus under this name')
  .option('--grow', 'puts what reached something new into the corpus, up to 100 inputs each')
  .option('--keep-going', 'does not end at the first finding of a target')
  .option('--list', 'prints the targets and what holds of each')
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
Unless told, each target gets 10 seconds. An input is a finding when a check does not hold, when something is thrown, when
it costs more than 50 ms of CPU twice again, when memory grows, or when it never ends. It is printed as hex, as small as it could be made.
Ctrl-C ends with a report.

Exit codes: 0 nothing found, 1 findings, 2 wrong use.

Examples:
  npm run fuzz                                              everything, 10 s each
  npm run fuzz -- --target frame,cbor --inputs 1e7 --seed 7
  npm run fuzz -- --target session --input 0100040a…        one input again
  npm run fuzz -- --target session --input 0100… --keep "ack-beyond-durable: what was wrong"
  nice -n 19 npm run fuzz -- --seconds 3600 --keep-going --json > report.json`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse();

interface Flags {
  target?: string[];
  inputs?: number;
  seconds?: number;
  seed?: number;
  input?: string;
  keep?: string;
  grow?: boolean;
  keepGoing?: boolean;
  list?: boolean;
  json?: boolean;
}
const flags = program.opts<Flags>();
const say = (line: string) => process.stderr.write(`${line}\n`);

function refuse(why: string): never {
  say(`npm run fuzz: ${why}`);
  process.exit(2);
}

const chosen = targets.filter(({ name }) => flags.target?.includes(name) ?? true);
const corpusMax = 100;

if (flags.list === true) {
  for (const { name, checks } of targets) process.stdout.write(`${name.padEnd(20)}${checks}\n`);
  process.exit(0);
}
if (flags.keep !== undefined && flags.input === undefined) refuse('--keep needs an --input');
if (flags.input !== undefined && (chosen.length !== 1 || flags.target === undefined)) {
  refuse('--input is for one --target');
}
if (flags.input !== undefined) {
  try {
    hex(flags.input);
  } catch {
    refuse('--input: hex digits, two for a byte');
  }
}

let current: Watched | null = null;
let isStopped = false;
process.on('SIGINT', () => {
  if (isStopped) process.exit(130);
  isStopped = true;
  say('ends after the input at hand; again: at once');
  current?.stop();
});

const seed = flags.seed ?? 1 + Math.floor(Math.random() * 2 ** 31);
const limits: Limits = {
  inputs: flags.inputs ?? Number.POSITIVE_INFINITY,
  seconds: flags.seconds ?? (flags.inputs === undefined ? 10 : Number.POSITIVE_INFINITY),
  seed,
  keepsGoing: flags.keepGoing ?? false,
};
const only: Seed[] | null =
  flags.input === undefined ? null : [{ name: flags.keep ?? 'input', bytes: fromHex(flags.input) }];
if (only !== null) Object.assign(limits, { inputs: 1 });

function printFindings({ target, findings }: Report): void {
  for (const { kind, message, stack, hex: bytes } of findings) {
    say(`\n${target}: ${kind}: ${message}`);
    if (kind === 'exception' && stack !== undefined) say(stack.split('\n').slice(1, 6).join('\n'));
    say(`  npm run fuzz -- --target ${target} --input ${bytes}`);
  }
}

const reports: Report[] = [];
if (only === null) say(`seed ${seed}`);
for (const target of chosen) {
  if (isStopped) break;
  const beganMs = performance.now();
  const round = watchRound(target.name, limits, only);
  current = round;
  const progress = setInterval(() => {
    const seconds = (performance.now() - beganMs) / 1_000;
    say(`${target.name}: ${round.count()} inputs, ${Math.round(round.count() / seconds)} a second`);
  }, 10_000);
  const { report, novel } = await round.done;
  clearInterval(progress);
  reports.push(report);
  printFindings(report);
  const { inputs, seconds, outcomes, slowestMs, heldBytes } = report;
  const held = (heldBytes / 2 ** 20).toFixed(1);
  const line =
    `${target.name.padEnd(20)}${inputs} inputs in ${seconds.toFixed(1)} s, ${outcomes} outcomes, ` +
    `slowest ${slowestMs.toFixed(0)} ms, ${held} MiB more held, ${report.findings.length} findings`;
  if (flags.json === true) say(line);
  else process.stdout.write(`${line}\n`);
  if (flags.grow === true && report.findings.length === 0) {
    const corpus = readCorpus(target);
    const small = novel.filter(({ bytes }) => bytes.length <= 800);
    const more = small.slice(0, Math.max(0, corpusMax - corpus.length));
    say(`${writeCorpus(target, [...corpus, ...more])}: ${more.length} more`);
  }
  if (flags.keep !== undefined && only !== null) {
    const corpus = readCorpus(target).filter(({ bytes }) => toHex(bytes) !== flags.input);
    say(writeCorpus(target, [...corpus, ...only]));
  }
}
if (flags.json === true) process.stdout.write(`${JSON.stringify({ seed, reports })}\n`);
process.exit(reports.every(({ findings }) => findings.length === 0) ? 0 : 1);

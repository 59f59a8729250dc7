import { Command, InvalidArgumentError } from 'commander';
import { type FaultKind, faultKinds } from './faults.js';
import { runSite, type SiteOptions } from './site.js';

// `npm run seeds`: many seeds of the site, one after the other; the first that fails is shrunk and said with the command that plays it again.

const defects = ['fencesNobody', 'readsToStable', 'reused', 'positionApart'] as const;

function integer(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number');
  return value;
}

/** Of nothing there is no promise to be held. */
function positive(text: string): number {
  const value = integer(text);
  if (value === 0) throw new InvalidArgumentError('at least 1');
  return value;
}

function kinds(text: string): FaultKind[] {
  const found = text.split(',').filter((kind) => kind !== '');
  for (const kind of found) {
    if (!faultKinds.some((known) => known === kind)) {
      throw new InvalidArgumentError(`one of ${faultKinds.join(', ')}`);
    }
  }
  return found as FaultKind[];
}

const program = new Command('npm run seeds --')
  .description('Plays a whole site from each seed: devices, links, the proxy, its disk and Kafka.')
  .option('--count <n>', 'how many seeds, 1 or more', positive, 100)
  .option('--from <seed>', 'the first seed', integer, 1)
  .option('--steps <n>', 'steps of each, at least 500 where it counts', integer, 500)
  .option('--devices <n>', '1 to 4; 0: as many as the seed says', integer, 0)
  .option('--without <kinds>', `leaves faults out: ${faultKinds.join(',')}`, kinds, [])
  .option('--defect <name>', `breaks the Kafka client on purpose: ${defects.join(', ')}`)
  .option('--keep-going', 'does not end at the first seed that fails')
  .option('--no-shrink', 'says a failing seed as it is, which takes no time')
  .option('--trace', 'prints what happened, step by step')
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
Exit codes: 0 no violation, 1 a violation, 2 wrong use.

Examples:
  npm run seeds -- --count 10000 --from 1
  npm run seeds -- --from 17 --count 1 --trace          one seed, step by step
  npm run seeds -- --from 17 --count 1 --without link   the same, on sound links`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse();

interface Flags {
  count: number;
  from: number;
  steps: number;
  devices: number;
  without: FaultKind[];
  defect?: NonNullable<SiteOptions['defect']>;
  keepGoing?: boolean;
  shrink: boolean;
  trace?: boolean;
  json?: boolean;
}
const flags = program.opts<Flags>();
if (flags.defect !== undefined && !defects.includes(flags.defect)) {
  process.stderr.write(`npm run seeds: --defect is one of ${defects.join(', ')}\n`);
  process.exit(2);
}

function optionsOf(seed: number): SiteOptions {
  return {
    ...{ seed, steps: flags.steps, devices: flags.devices, without: new Set(flags.without) },
    print: flags.trace ? (line) => process.stdout.write(`${line}\n`) : null,
    ...(flags.defect === undefined ? {} : { defect: flags.defect }),
  };
}

async function failureOf(options: SiteOptions): Promise<string | null> {
  try {
    await runSite(options);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The violation without its numbers: what is shrunk should fail for the same reason. */
const reasonOf = (message: string) => message.replace(/\d[\d.]*/g, '#');

/** Fewer kinds of fault, fewer devices, fewer steps: what still fails in the same way is easier to read. */
async function shrink(start: SiteOptions, message: string): Promise<SiteOptions> {
  let smallest: SiteOptions = { ...start, print: null };
  const take = async (smaller: Partial<SiteOptions>): Promise<boolean> => {
    const options = { ...smallest, ...smaller };
    const failure = await failureOf(options);
    const fails = failure !== null && reasonOf(failure) === reasonOf(message);
    if (fails) smallest = options;
    return fails;
  };
  for (const kind of faultKinds) await take({ without: new Set([...smallest.without, kind]) });
  for (let devices = 1; devices < 4; devices++) if (await take({ devices })) break;
  for (let less = smallest.steps >> 1; less > 0; less >>= 1) {
    while (smallest.steps > less && (await take({ steps: smallest.steps - less })));
  }
  return smallest;
}

function commandOf({ seed, steps, devices, without }: SiteOptions): string {
  const left = without.size === 0 ? '' : ` --without ${[...without].join(',')}`;
  const some = devices === 0 ? '' : ` --devices ${devices}`;
  const defect = flags.defect === undefined ? '' : ` --defect ${flags.defect}`;
  return `npm run seeds -- --from ${seed} --count 1 --steps ${steps}${some}${left}${defect} --trace`;
}

const beganMs = performance.now();
const failed: { seed: number; message: string; replay: string; shrunk: string }[] = [];
const sums = { seeds: 0, tasks: 0, events: 0, lost: 0, kills: 0 };
let hash = '';
for (let seed = flags.from; seed < flags.from + flags.count; seed++) {
  const options = optionsOf(seed);
  sums.seeds++;
  try {
    const result = await runSite(options);
    hash = result.hash;
    sums.tasks += result.tasks;
    sums.events += result.events;
    sums.lost += result.lost;
    sums.kills += result.kills;
  } catch (error) {
    const { message } = error as Error;
    const isShrunk = flags.shrink && !flags.trace;
    if (isShrunk) process.stderr.write(`seed ${seed} fails, and is shrunk: ${message}\n`);
    const small = isShrunk ? await shrink(options, message) : options;
    failed.push({ seed, message, replay: commandOf(options), shrunk: commandOf(small) });
    process.stderr.write(`seed ${seed}: ${message}\n  ${commandOf(small)}\n`);
    if (!flags.keepGoing) break;
  }
  if (sums.seeds % 100 === 0) {
    const seconds = (performance.now() - beganMs) / 1000;
    const rate = (sums.seeds / seconds).toFixed(1);
    process.stderr.write(`${sums.seeds} of ${flags.count} seeds, ${rate} a second\n`);
  }
}
const seconds = (performance.now() - beganMs) / 1000;
if (flags.json) {
  process.stdout.write(
    `${JSON.stringify({ ...sums, seconds, violations: failed.length, failed })}\n`,
  );
} else {
  const { seeds, events, lost, kills } = sums;
  process.stdout.write(
    `${seeds} seeds in ${seconds.toFixed(0)} s: ${events} events in Kafka, ${lost} in ranges of lost ones, ` +
      `${kills} ends of the proxy, ${failed.length} violations${flags.count === 1 && hash !== '' ? `, hash ${hash}` : ''}\n`,
  );
}
process.exitCode = failed.length === 0 ? 0 : 1;

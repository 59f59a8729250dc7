import { Command } from 'commander';
import { type BuildCopy, copyBuild } from './build-copy.js';
import { type CheckName, checks, type Mutant, mutants } from './mutants.js';
import { type Checked, runCheck } from './run-check.js';

// `npm run test:mutants`: would our checks see it, were the promise broken? Each check must pass on the build as it is, and
// fail on each build that is broken in a way that it stands against.

const program = new Command('npm run test:mutants --')
  .description(
    'Breaks the build on purpose, in one way after the other, and looks whether the check against it fails.',
  )
  .option('--only <names>', 'some of them, by comma')
  .option('--check <name>', `with this check for all of them: ${Object.keys(checks).join(', ')}`)
  .option('--list', 'says what there is, and runs nothing')
  .option('--json', 'one JSON object on standard output')
  .addHelpText(
    'after',
    `
A copy of dist/ is broken, never dist/ itself. Needs Java and Maven, as the tests with Kafka do.
Exit codes: 0 all were caught, 1 one was not or a check fails on the sound build, 2 wrong use.

Examples:
  npm run test:mutants                                   all, about ten minutes
  npm run test:mutants -- --only no-fencing              one of them
  npm run test:mutants -- --check seeds                  which ones would the simulation see?`,
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .parse();

interface Row {
  mutant: string;
  check: CheckName;
  caught: boolean;
  end: Checked['end'] | 'no such text';
  seconds: number;
  broken: string;
}

const flags = program.opts<{ only?: string; check?: string; list?: boolean; json?: boolean }>();
const say = (line: string) => process.stderr.write(`${line}\n`);

function wrongUse(message: string): never {
  say(`npm run test:mutants: ${message}; see --help`);
  process.exit(2);
}

function chosen(): Mutant[] {
  const only = flags.only?.split(',') ?? mutants.map(({ name }) => name);
  const { check } = flags;
  if (check !== undefined && !(check in checks)) wrongUse(`there is no check "${check}"`);
  return only.map((name) => {
    const mutant = mutants.find((one) => one.name === name);
    if (mutant === undefined) wrongUse(`there is no mutant "${name}"`);
    return check === undefined ? mutant : { ...mutant, check: check as CheckName };
  });
}

async function passesUnbroken(copy: BuildCopy, check: CheckName): Promise<boolean> {
  say(`${check}: on the sound build …`);
  const { end, seconds, output } = await runCheck(copy.folder, check);
  if (end !== 'passed') say(output);
  say(`${check}: on the sound build ${end}, ${seconds.toFixed(0)} s`);
  return end === 'passed';
}

async function tryOne(copy: BuildCopy, { name, broken, edits, check }: Mutant): Promise<Row> {
  say(`${name}: ${broken} …`);
  const row = { mutant: name, check, broken };
  let undo: () => Promise<void>;
  try {
    undo = await copy.apply(edits);
  } catch (error) {
    say(`${name}: ${(error as Error).message}`);
    return { ...row, caught: false, end: 'no such text', seconds: 0 };
  }
  const { end, seconds } = await runCheck(copy.folder, check).finally(undo);
  const caught = end !== 'passed';
  say(`${name}: ${caught ? 'caught' : 'NOT caught'} by ${check} (${end}), ${seconds.toFixed(0)} s`);
  return { ...row, caught, end, seconds: Math.round(seconds) };
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ mutant, check, caught, end, seconds }) => {
    const word = caught ? (end === 'hung' ? 'caught: it hung' : 'caught') : 'NOT caught';
    return [mutant, check, end === 'no such text' ? 'ERROR: no such text' : word, `${seconds}`];
  });
  const head = ['mutant', 'check', 'is', 's'];
  const widths = head.map((cell, at) => {
    return Math.max(cell.length, ...cells.map((row) => row[at]!.length));
  });
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join('   ')
      .trimEnd();
  return [head, ...cells].map(line).join('\n');
}

async function main(): Promise<boolean> {
  const some = chosen();
  if (flags.list) {
    for (const { name, check, broken } of some) console.log(`${name} (${check}): ${broken}`);
    return true;
  }
  const copy = await copyBuild();
  try {
    const sound = new Map<CheckName, boolean>();
    const rows: Row[] = [];
    for (const mutant of some) {
      if (!sound.has(mutant.check)) {
        sound.set(mutant.check, await passesUnbroken(copy, mutant.check));
      }
      // A check that fails anyway says nothing.
      if (sound.get(mutant.check) === true) rows.push(await tryOne(copy, mutant));
    }
    const unsound = [...sound].filter(([, passes]) => !passes).map(([check]) => check);
    const isGood = unsound.length === 0 && rows.every(({ caught }) => caught);
    if (flags.json) console.log(JSON.stringify({ mutants: rows, failsOnTheSoundBuild: unsound }));
    else console.log(table(rows));
    for (const check of unsound)
      say(`${check} fails on the sound build: its mutants were not tried`);
    return isGood;
  } finally {
    await copy.remove();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = (await main()) ? 0 : 1;

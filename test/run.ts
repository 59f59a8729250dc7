import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectFolder, SetupError } from './kafka/jars.js';
import { ensureNode24 } from './node-24.js';

// `npm test`: the tests that wait for a real Kafka beside those that compute, in several processes, as runs may stand beside each other
// anyhow; those of @platformatic/kafka on a Node that it takes. The first one's output is shown as it comes, the others' behind it.

const folder = fileURLToPath(new URL('.', import.meta.url));
const uvu = join(projectFolder, 'node_modules/uvu/bin.js');
const kafkaRooms = '(kafka|kafka-sink|proxy/kafka)/';
const newerNode = 'platformatic/';
/** A minute of computing, which gives way to the others. */
const fuzz = 'fuzz/';
/** They mostly wait, for devices' timers. */
const attacks = ['attacks/[a-h]', 'attacks/[i-q]', 'attacks/r', 'attacks/[s-z]'];
const patterns = [
  '^e2e/.*\\.test\\.js$',
  `^${kafkaRooms}.*\\.test\\.js$`,
  `^${fuzz}.*\\.test\\.js$`,
  ...attacks.map((some) => `^${some}.*\\.test\\.js$`),
  `^(?!e2e/|${kafkaRooms}|${newerNode}|${fuzz}|attacks/).*\\.test\\.js$`,
];
/** A test that left something open keeps its process alive behind the last line. */
const endMs = 15_000;

interface Part {
  output: string;
  isGood: boolean;
}

function run(pattern: string, isShown: boolean, program = process.execPath): Promise<Part> {
  return new Promise((resolve) => {
    const color = process.stdout.isTTY ? '1' : '0';
    const child = spawn(program, [uvu, folder, pattern], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { FORCE_COLOR: color, ...process.env },
    });
    let output = '';
    let timer: NodeJS.Timeout | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (isShown) process.stdout.write(text);
      if (!/Duration:/.test(output)) return;
      timer ??= setTimeout(() => {
        console.error(`the tests of ${pattern} left something open: ended`);
        child.kill('SIGKILL');
      }, endMs);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ output, isGood: code === 0 });
    });
  });
}

/** Null: there is no such Node, and the reason was said. */
async function runOnNewer(pattern: string): Promise<Part | null> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  try {
    return await run(pattern, false, await ensureNode24(say));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`skipped: the tests of ${pattern}: ${error.message}`);
    return null;
  }
}

const parts = await Promise.all([
  ...patterns.map((pattern, part) => run(pattern, part === 0)),
  runOnNewer(`^${newerNode}.*\\.test\\.js$`),
]);
const done = parts.filter((part) => part !== null);
for (const { output } of done.slice(1)) process.stdout.write(output);
const sum = (what: string) =>
  done
    .map(({ output }) => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(output)?.[1] ?? Number.NaN))
    .reduce((all, one) => all + one);
console.log(`\nAll parts together:\n  Total:     ${sum('Total')}`);
console.log(`  Passed:    ${sum('Passed')}`);
// What failed is said once more at the end, where it is looked for: each FAIL as uvu prints it, down to two empty lines.
const failures = done.flatMap(
  ({ output }) => output.match(/^.* FAIL .*\n[\s\S]*?(?=\n\n\n)/gm) ?? [],
);
if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n\n')}`);
process.exitCode = done.every(({ isGood }) => isGood) && sum('Total') > 0 ? 0 : 1;

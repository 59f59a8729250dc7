import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Check } from '../../../sdk/link-conformance.js';
import { buildFirmware } from '../../../targets/build.js';
import { projectFolder } from '../../kafka/jars.js';
import { openPty, type Pty } from '../../site/pty.js';

// QuickJS's tty link over a real pseudo-terminal, built as firmware is: the conformance test runs beside the link, inside the engine,
// and plays the far end by lines to this process. In each run the engine is Node with an `os` of the same few calls
// (node-os.ts); where QJS names a binary of QuickJS it is that as well.

const test = suite('links/quickjs-tty');
let folder = '';
let code = '';

const source = `
  import * as os from 'os';
  import { checkLink } from 'headwater/link-conformance';
  import { tty } from 'headwater/links/quickjs-tty';
  const path = '@path';
  const held = [];
  const say = (...words) => console.log(words.join(' '));
  const far = {
    send: (data) => say('send', data.join()),
    arrived: () => held,
    cut: () => ask('cut'),
    refuse: (value) => ask('refuse', value),
    stall: (value) => ask('stall', value),
  };
  let done;
  const ask = (...words) => new Promise((resolve) => {
    done = resolve;
    say(...words);
  });
  // Standard input: what arrived at the far end, as numbers with spaces behind them; done, where it did what was asked.
  const input = new Uint8Array(4096);
  let number = '';
  os.setReadHandler(0, () => {
    const length = os.read(0, input.buffer, 0, input.length);
    for (let at = 0; at < length; at++) {
      if (input[at] !== 32) number += String.fromCharCode(input[at]);
      else {
        number === 'done' ? done() : held.push(+number);
        number = '';
      }
    }
  });
  checkLink({ link: () => tty(path, 115200), far, settleMs: 200 }).then((checks) => {
    say('told', JSON.stringify(checks));
    os.setReadHandler(0, null);
  });
`;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-tty-'));
  const entry = { source, folder: projectFolder };
  code = (await buildFirmware({ entry, target: 'quickjs', minify: true })).code;
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** Runs it in an engine and answers what it told. */
async function run(pty: Pty, command: string, ...words: string[]): Promise<Check[]> {
  const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.on('error', () => {});
  pty.far.onBytes = (bytes) => void child.stdin.write(`${[...bytes].join(' ')} `);
  let checks: Check[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [verb, rest = ''] = line.split(/ (.*)/s);
    if (verb === 'send') pty.far.send(Uint8Array.from(rest.split(',').map(Number)));
    const done = () => void child.stdin.write('done ');
    if (verb === 'cut') void pty.far.cut()?.then(done);
    if (verb === 'refuse') void pty.far.refuse(rest === 'true')?.then(done);
    if (verb === 'stall') {
      pty.far.stall(rest === 'true');
      done();
    }
    if (verb === 'told') {
      checks = JSON.parse(rest) as Check[];
      child.stdin.end();
    }
  });
  const [exitCode] = await once(child, 'close');
  assert.is(exitCode, 0);
  return checks;
}

async function conform(write: (path: string) => Promise<[string, ...string[]]>): Promise<void> {
  const pty = await openPty();
  try {
    const checks = await run(pty, ...(await write(pty.path)));
    assert.ok(checks.length >= 12, 'it told nothing');
    assert.equal(
      checks.filter(({ failed, skipped }) => failed ?? skipped),
      [],
    );
  } finally {
    await pty.close();
  }
}

test("it conforms, on Node's files in the place of os", () =>
  conform(async (path) => {
    const file = join(folder, 'firmware.mjs');
    const os = new URL('./node-os.js', import.meta.url).href;
    await writeFile(
      file,
      code.replaceAll(/from\s*"os"/g, `from ${JSON.stringify(os)}`).replace('@path', path),
    );
    return [process.execPath, fileURLToPath(new URL(`file://${file}`))];
  }));

const { QJS } = process.env;
if (QJS === undefined)
  console.log('links/quickjs-tty: QJS=path is not set: not run in real QuickJS');
else {
  test(`it conforms in ${QJS}`, () =>
    conform(async (path) => {
      const file = join(folder, 'firmware.js');
      await writeFile(file, code.replace('@path', path));
      return [QJS, '--module', file];
    }));
}

test.run();

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../../kafka/jars.js';
import { LineScene } from '../../site/line-scene.js';
import { runHeadwater, startProxy } from '../../site/proxy-process.js';
import { makeSite } from '../../site/site.js';
import { until } from '../../site/until.js';
import { fromHex, vectors } from '../vectors.js';

// `headwater ports` and `headwater monitor` on real pseudo-terminals.

const test = suite('headwater ports, monitor');
const scene = new LineScene();
test.after.each(() => scene.end());

interface Capture {
  steps: { from: string; bytes: string }[];
}
const capture = vectors<Capture>('capture').steps.map(({ bytes }) => fromHex(bytes));

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'headwater-verbs-'));
  return scene.add(made, (made) => rm(made, { recursive: true, force: true }));
}

test('ports says what answers: a device, a console, garbage, nobody, and what can not be opened', async () => {
  const [device, console_, garbage, silent] = await Promise.all(
    [1, 2, 3, 4].map((n) => scene.line(n)),
  );
  await scene.sense(device!.wire, 'press-07');
  const chatter = setInterval(() => {
    console_!.wire.noise('\r\n ____                 _ \r\n>');
    garbage!.wire.noise(Uint8Array.from([200, 0, 201, 7, 0, 255, 254, 3]));
  }, 50);
  scene.add(chatter, clearInterval);
  const paths = [device, console_, garbage, silent].map((line) => line!.pty.path);
  const words = ['ports', ...paths, '/dev/none', '/dev/null', '--seconds', '3', '--json'];
  const { code, output } = await runHeadwater(words);
  assert.is(code, 0);
  const answers = JSON.parse(output) as { path: string; state: string; text: string }[];
  assert.equal(
    answers.map(({ state }) => state),
    ['device', 'text', 'garbage', 'silent', 'absent', 'unfit'],
  );
  assert.is(answers[0]?.text, 'device press-07');
});

test('a line that a proxy has is busy, and is left alone', async () => {
  const { pty } = await scene.line();
  const overrides = {
    listen: {
      tcp: { host: '127.0.0.1', port: 0, auth: 'none' },
      serial: [{ path: pty.path, auth: 'none' }],
    },
  };
  const site = await makeSite({ bootstrap: null, label: 'busy', overrides });
  scene.add(site, (site) => site.remove());
  scene.add(await startProxy(site.config), (proxy) => proxy.kill());
  const { code, output, complaint } = await runHeadwater(['ports', pty.path, '--seconds', '0']);
  assert.equal([code, complaint], [0, '']);
  assert.match(output, /another process has it\n$/);
});

test('monitor prints each frame, says the rates at the end, and reads its capture back', async () => {
  const { pty, wire } = await scene.line();
  const file = join(await folder(), 'line.jsonl');
  const command = join(projectFolder, 'dist/headwater.js');
  const words = [command, 'monitor', pty.path, '--capture', file];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  scene.add(child, (child) => child.kill('SIGKILL'));
  let output = '';
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await until(() => said.includes('listening'));
  for (const bytes of capture) wire.noise(bytes);
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.split('\n').length <= capture.length) continue;
    child.kill('SIGINT');
    break;
  }
  const [code] = await once(child, 'close');
  assert.is(code, 0);
  const texts = output.trimEnd().split('\n');
  assert.is(texts.length, capture.length, output);
  assert.match(texts[0]!, /^ +\d+\.\d{3} {2}HELLO {4}mote-1, up 431 ms/);
  assert.match(texts[3]!, /DATA {5}boot 1763956800 seqs 0 to 2, up 11020 ms: climate t=21\.5 rh/);
  assert.match(said, /% of the line, 0 broken of 8 frames\n$/);
  const again = await runHeadwater(['monitor', '--read', file, '--json']);
  assert.is(again.code, 0);
  const frames = again.output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { what: string });
  assert.equal(
    frames.map(({ what }) => what),
    ['HELLO', 'WELCOME', 'TABLE', 'DATA', 'HELLO', 'WELCOME', 'DATA', 'ACK'],
  );
  assert.match(again.complaint, /0 broken of 8 frames\n$/);
});

test('a capture that can not be written ends the monitor with a line that says why', async () => {
  const { pty, wire } = await scene.line();
  const ended = runHeadwater(['monitor', pty.path, '--capture', '/dev/full']);
  const chatter = setInterval(() => wire.noise(capture[0]!), 50);
  scene.add(chatter, clearInterval);
  const { code, complaint } = await ended;
  assert.is(code, 1);
  assert.match(complaint, /\n--capture \/dev\/full: ENOSPC: no space left on device.*frames\n$/);
});

test('a line that can not be had costs no capture of before', async () => {
  const file = join(await folder(), 'line.jsonl');
  await writeFile(file, 'of before');
  assert.is((await runHeadwater(['monitor', '/dev/none', '--capture', file])).code, 1);
  assert.is(await readFile(file, 'utf8'), 'of before');
});

test('a capture whose end is torn is read as far as it goes', async () => {
  const file = join(await folder(), 'line.jsonl');
  const head = { capture: 1, path: '/dev/ttyS0', baudRate: 9_600 };
  const hex = Buffer.from(capture[0]!).toString('hex');
  await writeFile(file, `${JSON.stringify(head)}\n${JSON.stringify({ ms: 5, hex })}\n{"ms":9,"he`);
  const { code, output, complaint } = await runHeadwater(['monitor', '--read', file]);
  assert.is(code, 0);
  assert.match(output, /HELLO {4}mote-1/);
  assert.match(complaint, /^the last line is torn; .* 0 broken of 1 frames\n$/);
});

test('what a person can mend is one line and an exit code', async () => {
  const note = join(await folder(), 'note.txt');
  await writeFile(note, 'hello\n');
  const other = join(await folder(), 'other.jsonl');
  await writeFile(other, 'null\n');
  for (const [words, code, complaint] of [
    [['monitor'], 2, /^headwater: either a port, as \/dev\/ttyUSB0, or --read with a capture\n$/],
    [['monitor', '/dev/null'], 1, /^headwater: \/dev\/null: it is no serial line\n$/],
    [['monitor', '/dev/none'], 1, /^headwater: \/dev\/none: there is no such file\n$/],
    [
      ['monitor', '--read', note],
      2,
      /^headwater: .*note\.txt:1: this is no capture of headwater\n$/,
    ],
    [['monitor', '--read', '/dev/none/x'], 2, /^headwater: \/dev\/none\/x: ENOENT[^\n]*\n$/],
    [['monitor', '--read', '/dev/null'], 2, /^headwater: \/dev\/null:0: this is no capture/],
    [['monitor', '--read', other], 2, /^headwater: .*other\.jsonl:1: this is no capture/],
    [['monitor', '/dev/null', '--baud-rate', 'fast'], 2, /^headwater: --baud-rate NaN: from 300/],
    [['ports', '/dev/null', '--seconds', 'x'], 2, /^headwater: --seconds: a number/],
  ] as const) {
    const ended = await runHeadwater([...words]);
    assert.equal([ended.code, ended.output], [code, ''], words.join(' '));
    assert.match(ended.complaint, complaint);
  }
  assert.is(await readFile(note, 'utf8'), 'hello\n');
});

test.run();

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../../targets/build.js';
import { bodies, parse } from '../peer.js';

// The file store in a built firmware, in processes of its own on a real disk: killed in the middle of its work, and started again.

const firmware = (target: string) => `
import { producer, stream, uint } from 'headwater';
import { file } from 'headwater/stores/${target === 'quickjs' ? 'file-quickjs' : 'file'}';
const origin = stream('origin', { seq: uint });
const inner = file(PATH, 32768);
let stored = 0;
const store = { ...inner, append(entry, events) {
  const dropped = inner.append(entry, events);
  stored += events;
  print('stored ' + stored);
  return dropped;
} };
const hex = (bytes) => Array.from(bytes).map((byte) => (byte + 256).toString(16).slice(1)).join('');
const link = {
  open(events) { if (GREETS) events.up(); },
  write(bytes) { print('wrote ' + hex(bytes)); return bytes.length; },
  close() {},
};
const hw = producer({ device: 'press-07', link, store, bufferBytes: 256, lingerMs: 5, retryBackoffMs: 1 });
let seq = 0;
const tick = () => { hw.send(origin, { seq: seq++ }); again(tick, 1); };
if (!GREETS) tick();
`;

const folder = mkdtempSync(join(tmpdir(), 'headwater-file-'));
test.after(() => rmSync(folder, { recursive: true }));

async function program(name: string, greets: boolean): Promise<string> {
  const source = firmware('node')
    .replaceAll('PATH', JSON.stringify(join(folder, 'events')))
    .replaceAll('GREETS', String(greets))
    .replaceAll('print(', 'console.log(')
    .replaceAll('again(', 'setTimeout(');
  const entry = { source, folder: process.cwd() };
  const { code } = await buildFirmware({ entry, target: 'node', minify: true });
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, code);
  return path;
}

/** Runs it until a line is the last that is wanted, and kills it; what it printed. */
async function run(path: string, isEnough: (line: string) => boolean): Promise<string[]> {
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (isEnough(line)) child.kill('SIGKILL');
  }
  return lines;
}

test('what a killed program had stored is what the next one says to hold', async () => {
  const writer = await program('writer', false);
  const greeter = await program('greeter', true);
  let boots: number[] = [];
  for (let kill = 1; kill <= 3; kill++) {
    const printed = await run(writer, (line) => Number(line.split(' ')[1]) > 20 * kill);
    const stored = Number(printed.at(-1)!.split(' ')[1]);
    const [line = ''] = await run(greeter, (line) => line.startsWith('wrote'));
    const hello = parse(bodies(Buffer.from(line.split(' ')[1]!, 'hex'))[0]!);
    assert.is(hello.type, 'hello');
    if (hello.type !== 'hello') return;
    assert.is(hello.flags, 1);
    const { boot, lowest, next } = hello.boots.at(-2)!;
    assert.is(lowest, 0);
    assert.ok(next >= stored, `${next} of ${stored}`);
    assert.ok(!boots.includes(boot!), 'a number of its own');
    boots = hello.boots.map((one) => one.boot!);
    assert.equal(
      boots,
      boots.slice().sort((a, b) => a - b),
    );
    assert.is(boots.length, kill + 1);
  }
});

test.run();

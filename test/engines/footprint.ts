import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { buildFirmware, targets } from '../../targets/build.js';
import { runFirmware } from '../../targets/quickjs-host.js';
import { projectFolder } from '../kafka/jars.js';
import { buildForEngine } from './build.js';

// `npm run footprint`: what the core costs in the engines that are there, beside its budget (targets/budget.json); exit code 1 where
// one is not met. `ESPRUINO=path,path… QJS=path MQUICKJS=path` name engines; what was not measured says so. `--json` for programs.

interface Row {
  what: string;
  measured: number | null;
  budget: number;
  note: string;
}

const { footprint: budgets } = JSON.parse(
  await readFile(join(projectFolder, 'targets/budget.json'), 'utf8'),
) as { footprint: Record<string, number> };

/** A link that takes everything and never answers: what is in memory is the same as with one that does. */
const link = 'const link = { open() {}, write: (bytes) => bytes.length, close() {} };';

/** JsVars from before the SDK is loaded from Storage until blocks have filled the buffer. */
async function espruinoVariables(binary: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-footprint-'));
  const run = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    const child = spawn(binary, [name], { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    await once(child, 'close');
    return said;
  };
  const code = await buildForEngine(
    `${link}
    const hw = producer({ device: 'press-07', link, bufferBytes: 1024 });
    global.sample = (t, rh) => hw.send(climate, { t, rh });`,
    'espruino',
  );
  const parts = (code.match(/[\s\S]{1,500}/g) ?? []).map(
    (part, index) => `s.write('sdk',${JSON.stringify(part)},${index * 500},${code.length});\n`,
  );
  await run('upload.js', `var s=require('Storage');s.eraseAll();${parts.join('')}`);
  const said = await run(
    'start.js',
    `var used=function(){return process.memory().usage},before=used();
    eval(require('Storage').read('sdk'));
    for(var i=0;i<500;i++)sample(20+i%7,i%90);
    print('variables '+(used()-before)+';');setTimeout(quit,10);`,
  );
  await rm(folder, { recursive: true, force: true });
  return Number(/variables (\d+);/.exec(said)?.[1]);
}

const sdkSource = `
import { fixed, producer, stream, uint } from 'headwater';
const climate = stream('climate', { t: fixed(1), rh: uint });
${link}
const hw = producer({ device: 'press-07', link, bufferBytes: 1024 });
`;

const buildQuickjs = async (source: string) =>
  (
    await buildFirmware({
      entry: { source: sdkSource + source, folder: projectFolder },
      target: 'quickjs',
      minify: true,
    })
  ).code;

/** What the SDK adds to an engine's heap, once blocks have filled the buffer. */
async function quickjsHeapBytes(): Promise<number> {
  const start = (code: string) =>
    runFirmware({
      code,
      connect: () => new PassThrough(),
      board: {},
      onError(error) {
        throw error;
      },
    });
  const empty = await start('');
  const device = await start(
    await buildQuickjs(
      'for (let i = 0; i < 500; i++) hw.send(climate, { t: 20 + i % 7, rh: i % 90 });',
    ),
  );
  const bytes = device.heapBytes() - empty.heapBytes();
  for (const engine of [empty, device]) engine.stop();
  return bytes;
}

/** How many times faster send() is than JSON, in the command `qjs`; of the rounds of each the fastest counts. */
async function quickjsTimes(binary: string): Promise<{ bytes: number; text: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-footprint-'));
  const code = await buildQuickjs(`
import { exit } from 'std';
const json = (i) => JSON.stringify({ device: 'press-07', stream: 'climate', time: Date.now(), seq: i, t: 20 + i % 7, rh: i % 90 });
const array = new Uint8Array(256);
const work = {
  send(i) { hw.send(climate, { t: 20 + i % 7, rh: i % 90 }); },
  text: json,
  bytes(i) {
    const text = json(i);
    for (let at = 0; at < text.length; at++) array[at] = text.charCodeAt(at);
  },
};
const best = { send: Infinity, text: Infinity, bytes: Infinity };
for (let round = 0; round < 15; round++) {
  for (const name in work) {
    const start = performance.now();
    for (let i = 0; i < 10000; i++) work[name](i);
    best[name] = Math.min(best[name], performance.now() - start);
  }
}
for (const name in best) console.log(name, best[name]);
exit(0);
`);
  await writeFile(join(folder, 'speed.js'), code);
  const { stdout } = await promisify(execFile)(binary, ['--module', join(folder, 'speed.js')]);
  await rm(folder, { recursive: true, force: true });
  const ms = (name: string) => Number(new RegExp(`${name} (.*)`).exec(stdout)?.[1]);
  return { bytes: ms('bytes') / ms('send'), text: ms('text') / ms('send') };
}

/** What HMAC costs a device, ms: of a connect, for which it makes the session's key and PROOF and looks at WELCOME; of a DATA of 250 bytes. */
async function quickjsKeyMs(binary: string): Promise<{ connect: number; frame: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-footprint-'));
  const source = `
import { hmacSha256 } from 'headwater/sha256';
import { exit } from 'std';
const key = new Uint8Array(32).fill(7);
const work = {
  connect() {
    for (const bytes of [110, 90, 60]) hmacSha256(key, new Uint8Array(bytes));
  },
  frame() { hmacSha256(key, new Uint8Array(243)); },
};
for (const name in work) {
  let best = Infinity;
  for (let round = 0; round < 15; round++) {
    const start = performance.now();
    for (let i = 0; i < 20; i++) work[name]();
    best = Math.min(best, performance.now() - start);
  }
  console.log(name, best / 20);
}
exit(0);
`;
  const entry = { source, folder: projectFolder };
  const { code } = await buildFirmware({ entry, target: 'quickjs', minify: true });
  await writeFile(join(folder, 'keys.js'), code);
  const { stdout } = await promisify(execFile)(binary, ['--module', join(folder, 'keys.js')]);
  await rm(folder, { recursive: true, force: true });
  const ms = (name: string) => Number(new RegExp(`${name} (.*)`).exec(stdout)?.[1]);
  return { connect: ms('connect'), frame: ms('frame') };
}

/** The smallest limit, in steps of 1 KiB, under which 500 events go through in mquickjs, from bytecode. */
async function mquickjsBytes(binary: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-footprint-'));
  const { code } = await buildFirmware({
    entry: {
      source: `${sdkSource.replace(link, 'const link = host.link;')}
        for (let i = 0; i < 500; i++) hw.send(climate, { t: 20 + i % 7, rh: i % 90 });
        print('sent ' + hw.send(climate, { t: 20, rh: 1 }));`,
      folder: projectFolder,
    },
    target: 'es5',
    minify: true,
  });
  const host = `var host = { clock: function () { return performance.now(); }, after: function () { return 1; },
    cancel: function () {}, random: function () { return 0.5; },
    link: { open: function () {}, write: function (bytes) { return bytes.length; }, close: function () {} } };`;
  const [source, bytecode] = [join(folder, 'firmware.js'), join(folder, 'firmware.bin')];
  await writeFile(source, host + code);
  const run = promisify(execFile);
  await run(binary, ['-o', bytecode, source]);
  const runs = (limitBytes: number) =>
    run(binary, ['-b', '--memory-limit', String(limitBytes), bytecode]).then(
      ({ stdout }) => stdout.includes('sent ram'),
      () => false,
    );
  let limitBytes = 4096;
  while (limitBytes < 1_048_576 && !(await runs(limitBytes))) limitBytes += 1024;
  await rm(folder, { recursive: true, force: true });
  return limitBytes;
}

const rows: Row[] = [];
const add = (what: string, measured: number | null, note: string) => {
  rows.push({ what, measured, budget: budgets[what] ?? Number.NaN, note });
};

const binaries = (process.env.ESPRUINO ?? '').split(',').filter((path) => path !== '');
for (const binary of binaries) {
  add('espruino variables', await espruinoVariables(binary), `core in Storage, ${binary}`);
}
if (binaries.length === 0) add('espruino variables', null, 'ESPRUINO=path names one');
add('quickjs heap bytes, from source', await quickjsHeapBytes(), 'quickjs-emscripten, no bytecode');
const mquickjs = process.env.MQUICKJS;
add(
  'mquickjs memory limit, bytes',
  mquickjs && 'es5' in targets ? await mquickjsBytes(mquickjs) : null,
  'es5' in targets ? (mquickjs ?? 'MQUICKJS=path names one') : 'there is no target es5',
);
const over = 'at least';
const times = process.env.QJS ? await quickjsTimes(process.env.QJS) : null;
const note = process.env.QJS ?? 'QJS=path names one';
add(
  `quickjs send(): times faster than JSON.stringify and its bytes, ${over}`,
  times?.bytes ?? null,
  note,
);
add(`quickjs send(): times faster than JSON.stringify, ${over}`, times?.text ?? null, note);

const keyMs = process.env.QJS ? await quickjsKeyMs(process.env.QJS) : null;
add('quickjs connect with a key, ms', keyMs?.connect ?? null, note);
add('quickjs DATA with a MAC, ms', keyMs?.frame ?? null, note);

const isMet = ({ what, measured, budget }: Row) =>
  measured === null || (what.endsWith(over) ? measured >= budget : measured <= budget);
if (process.argv.includes('--json')) console.log(JSON.stringify(rows));
else {
  console.log('| what | measured | budget | |\n| --- | ---: | ---: | --- |');
  for (const { what, measured, budget, note } of rows) {
    const value = measured === null ? 'not measured' : Number(measured.toFixed(2));
    console.log(
      `| ${what} | ${value.toLocaleString('en')} | ${budget.toLocaleString('en')} | ${note} |`,
    );
  }
}
if (!rows.every(isMet)) process.exitCode = 1;

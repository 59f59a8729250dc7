import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buildFirmware } from '../../targets/build.js';
import { runFirmware } from '../../targets/quickjs-host.js';
import { projectFolder } from '../kafka/jars.js';
import { buildEspruino } from './build.js';

// `npm run footprint`: what the core costs in the engines that are there, beside its budget (targets/budget.json); exit code 1 where
// one is not met. `ESPRUINO=path,path…` names Espruinos; what was not measured says so. `--json` for programs.

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
  const code = await buildEspruino(`${link}
    const hw = producer({ device: 'press-07', link, bufferBytes: 1024 });
    global.sample = (t, rh) => hw.send(climate, { t, rh });`);
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

/** Rounds of the same work, of which the fastest counts. */
const fastestMs = (work: () => void): number => {
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return Math.min(...times);
};

async function quickjs(): Promise<{ heapBytes: number; bytesTimes: number; textTimes: number }> {
  const start = (code: string) =>
    runFirmware({
      code,
      connect: () => new PassThrough(),
      board: {},
      onError(error) {
        throw error;
      },
    });
  const source = `
import { fixed, producer, stream, uint } from 'headwater';
const climate = stream('climate', { t: fixed(1), rh: uint });
${link}
const hw = producer({ device: 'press-07', link, bufferBytes: 1024 });
globalThis.sample = (count) => { for (let i = 0; i < count; i++) hw.send(climate, { t: 20 + i % 7, rh: i % 90 }); };
`;
  const { code } = await buildFirmware({
    entry: { source, folder: projectFolder },
    target: 'quickjs',
    minify: true,
  });
  const empty = await start('');
  const emptyBytes = empty.heapBytes();
  const device = await start(code);
  device.evaluate('sample(500)');
  const heapBytes = device.heapBytes() - emptyBytes;
  device.evaluate(`
    globalThis.texts = (count, toBytes) => {
      const bytes = new Uint8Array(256);
      for (let i = 0; i < count; i++) {
        const text = JSON.stringify({ stream: 'climate', time: Date.now(), seq: i, t: 20 + i % 7, rh: i % 90 });
        if (toBytes) for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
      }
    }`);
  const sendMs = fastestMs(() => device.evaluate('sample(20000)'));
  const bytesMs = fastestMs(() => device.evaluate('texts(20000, true)'));
  const textMs = fastestMs(() => device.evaluate('texts(20000, false)'));
  for (const engine of [empty, device]) engine.stop();
  return { heapBytes, bytesTimes: bytesMs / sendMs, textTimes: textMs / sendMs };
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
const measured = await quickjs();
const over = 'at least';
add('quickjs heap bytes, from source', measured.heapBytes, 'quickjs-emscripten has no bytecode');
add(
  `quickjs send(): times faster than JSON.stringify and its bytes, ${over}`,
  measured.bytesTimes,
  'two fields',
);
add(`quickjs send(): times faster than JSON.stringify, ${over}`, measured.textTimes, 'two fields');

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

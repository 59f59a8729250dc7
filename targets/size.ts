// `npm run size`: minified bytes per target and import, against targets/budget.json; exit code 1 where one
// is over. `--write` puts its tables into README.md and docs/FOOTPRINT.md, which a test compares.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildFirmware } from './build.js';

export interface Size {
  target: string;
  import: string;
  bytes: number;
  bytesMax: number;
  /** Where it is to be, and is not yet. */
  goal?: number;
}

/** The firmware that is measured: what README.md shows, with a link that the host provides. */
const core = `
import { fixed, producer, stream, uint } from 'headwater';
const climate = stream('climate', { t: fixed(1), rh: uint });
const hw = producer({ device: 'press-07', link: globalThis.link, bufferBytes: 1024 });
globalThis.sample = (t, rh) => hw.send(climate, { t, rh });
`;

/** Whole firmwares, by target and name: what a board with a serial line needs, and one with TCP that loses nothing. */
const wholes: Record<string, Record<string, string>> = {
  espruino: {
    core: `
import { fixed, producer, stream, uint } from 'headwater';
import { serial } from 'headwater/links/espruino-serial';
const climate = stream('climate', { t: fixed(1), rh: uint });
const hw = producer({ device: 'press-07', link: serial(Serial1, 115200), bufferBytes: 1024 });
setInterval(() => hw.send(climate, { t: board.t(), rh: board.rh() }), 1000);
`,
    full: `
import { fixed, producer, stream, uint } from 'headwater';
import { anchors } from 'headwater/anchors';
import { flush } from 'headwater/flush';
import { net } from 'headwater/links/espruino-net';
import { espruinoStorage } from 'headwater/stores/espruino-storage';
import { sendUndeclared } from 'headwater/undeclared';
const climate = stream('climate', { t: fixed(1), rh: uint });
const hw = producer({ device: 'press-07', link: net({ host: 'edge-1', port: 4510 }), store: espruinoStorage('hw', 4) });
anchors();
setInterval(() => hw.send(climate, { t: board.t(), rh: board.rh() }), 1000);
board.note = (value) => sendUndeclared('note', value);
board.sleep = (done) => flush(done);
`,
  },
};

/** What each import is measured by: as little as uses it. */
const uses: Record<string, string> = {
  'headwater/undeclared': `import { sendUndeclared } from 'headwater/undeclared'; globalThis.note = (v) => sendUndeclared('note', v);`,
  'headwater/flush': `import { flush } from 'headwater/flush'; globalThis.done = (f) => flush(f, 1000);`,
  'headwater/anchors': `import { anchors, setAnchor } from 'headwater/anchors'; anchors(); globalThis.rtc = setAnchor;`,
  'headwater/stats': `import { stats } from 'headwater/stats'; globalThis.stats = stats;`,
  'headwater/stores/keep-oldest': `import { keepOldest } from 'headwater/stores/keep-oldest'; import { ram } from 'headwater/stores/ram'; globalThis.s = keepOldest(ram(768));`,
  'headwater/reducers/deadband': `import { deadband } from 'headwater/reducers/deadband'; globalThis.r = deadband(climate, { t: 0.2 }, 6e5);`,
  'headwater/reducers/throttle': `import { throttle } from 'headwater/reducers/throttle'; globalThis.r = throttle(climate, 5000);`,
  'headwater/reducers/aggregate': `import { aggregate } from 'headwater/reducers/aggregate'; globalThis.r = aggregate(climate, 60000);`,
  'headwater/reducers/sample': `import { sample } from 'headwater/reducers/sample'; globalThis.r = sample(climate, 10);`,
  'headwater/stores/keep-highest': `import { keepHighest } from 'headwater/stores/keep-highest'; import { ram } from 'headwater/stores/ram'; globalThis.s = keepHighest(ram(768));`,
  'headwater/priority': `import { priority } from 'headwater/priority'; priority(climate, 1);`,
  'headwater/sha256': `import { hmacSha256, sha256 } from 'headwater/sha256'; globalThis.h = [sha256, hmacSha256];`,
  'headwater/auth': `import { auth } from 'headwater/auth'; auth(globalThis.key);`,
  'headwater/stores/flash': `import { flash } from 'headwater/stores/flash'; globalThis.f = (r) => flash(r);`,
  'headwater/stores/espruino-storage': `import { espruinoStorage } from 'headwater/stores/espruino-storage'; globalThis.f = espruinoStorage('hw', 4);`,
  'headwater/links/espruino-net': `import { net } from 'headwater/links/espruino-net'; globalThis.l = net({ host: 'edge-1', port: 4510 });`,
  'headwater/stores/file': `import { file } from 'headwater/stores/file'; globalThis.f = (p) => file(p, 65536);`,
  ...Object.fromEntries(
    ['bool', 'text', 'bytes', 'float'].map((type) => [
      type,
      `import { ${type} } from 'headwater'; globalThis.s = { v: ${type} };`,
    ]),
  ),
  'headwater/links/quickjs-tty': `import { tty } from 'headwater/links/quickjs-tty'; globalThis.l = tty('/dev/ttyS1', 115200);`,
  'headwater/links/node-udp': `import { nodeUdp } from 'headwater/links/node-udp'; globalThis.l = nodeUdp('edge-1', 4510);`,
  'headwater/links/datagrams': `import { datagrams } from 'headwater/links/datagrams'; globalThis.l = datagrams(globalThis.way);`,
  'headwater/links/rs485': `import { rs485 } from 'headwater/links/rs485'; globalThis.l = rs485(globalThis.way, 7);`,
  'headwater/links/node-stream': `import { nodeStream } from 'headwater/links/node-stream'; globalThis.l = (f) => nodeStream(f);`,
};

/** Behind an import: what it costs where the engine has these. */
const withoutSha256 = ' without its SHA-256 and HMAC';

/** Found from dist/ and from the sources alike. */
const project = fileURLToPath(new URL('../..', import.meta.url));

export async function measureSizes(): Promise<Size[]> {
  const {
    about: _,
    footprint: __,
    goals,
    ...budget
  } = JSON.parse(await readFile(join(project, 'targets/budget.json'), 'utf8')) as Record<
    string,
    Record<string, number>
  > & { about: string; footprint: unknown; goals: Record<string, Record<string, number>> };
  const sizes: Size[] = [];
  for (const [target, imports] of Object.entries(budget)) {
    const bytesOf = async (source: string, without?: string) => {
      const entry = { source, folder: project };
      const { bytes, parts } = await buildFirmware({ entry, target, minify: true });
      return bytes - (without === undefined ? 0 : parts[without]!);
    };
    const least = wholes[target]?.core ?? core;
    const bare = await bytesOf(least);
    for (const [name, bytesMax] of Object.entries(imports)) {
      const without = name.endsWith(withoutSha256) ? 'sha256.js' : undefined;
      const use = uses[without === undefined ? name : name.slice(0, -withoutSha256.length)];
      const whole = name === 'core' ? least : wholes[target]?.[name];
      if (use === undefined && whole === undefined) {
        throw new Error(`budget.json: no use of ${name}`);
      }
      const bytes = whole ? await bytesOf(whole) : (await bytesOf(least + use, without)) - bare;
      const goal = goals[target]?.[name];
      sizes.push({ target, import: name, bytes, bytesMax, ...(goal && { goal }) });
    }
  }
  return sizes;
}

export function sizeTable(sizes: readonly Size[]): string {
  const rows = sizes.map((size) => {
    const isWhole = size.import === 'core' || size.import === 'full';
    const sign = isWhole ? '' : '+ ';
    const name = isWhole ? size.import : size.import.replace(/^\S+/, '`$&`');
    const number = (value: number) => value.toLocaleString('en');
    const most = number(size.bytesMax) + (size.goal ? ` (goal ${number(size.goal)})` : '');
    return `| ${size.target} | ${name} | ${sign}${number(size.bytes)} | ${most} |`;
  });
  return [
    '| target | import | bytes, minified | at most |',
    '| --- | --- | ---: | ---: |',
    ...rows,
  ].join('\n');
}

/** What each file of the SDK takes in the whole firmwares of Espruino, the largest first. */
export async function partTable(): Promise<string> {
  const [least, full] = await Promise.all(
    ['core', 'full'].map(async (name) => {
      const entry = { source: wholes.espruino![name]!, folder: project };
      return (await buildFirmware({ entry, target: 'espruino', minify: true })).parts;
    }),
  );
  const bytesOf = (file: string) => full![file] ?? 0;
  const files = Object.keys({ ...least, ...full }).sort((a, b) => bytesOf(b) - bytesOf(a));
  const number = (value?: number) => (value ? value.toLocaleString('en') : '');
  const rows = files
    .filter((file) => least![file] || full![file])
    .map((file) => `| \`sdk/${file}\` | ${number(least![file])} | ${number(full![file])} |`);
  return ['| file | core | full |', '| --- | ---: | ---: |', ...rows].join('\n');
}

export interface Written {
  /** Whose part between two marks it is. */
  path: string;
  marks: readonly [string, string];
  table: string;
}

/** The tables that pages show, as they are to stand there. */
export const pageTables = async (sizes: readonly Size[]): Promise<Written[]> => [
  {
    path: join(project, 'README.md'),
    marks: ['<!-- sizes: npm run size -- --write -->', '<!-- /sizes -->'],
    table: sizeTable(sizes),
  },
  {
    path: join(project, 'docs/FOOTPRINT.md'),
    marks: ['<!-- parts: npm run size -- --write -->', '<!-- /parts -->'],
    table: await partTable(),
  },
];

async function main(): Promise<void> {
  const sizes = await measureSizes();
  console.log(sizeTable(sizes));
  for (const size of sizes.filter(({ bytes, bytesMax }) => bytes > bytesMax)) {
    console.error(
      `${size.target}, ${size.import}: ${size.bytes} B, ${size.bytes - size.bytesMax} over the budget`,
    );
    process.exitCode = 1;
  }
  if (!process.argv.includes('--write')) return;
  for (const { path, marks, table } of await pageTables(sizes)) {
    const text = await readFile(path, 'utf8');
    const start = text.indexOf(marks[0]) + marks[0].length;
    await writeFile(
      path,
      `${text.slice(0, start)}\n\n${table}\n\n${text.slice(text.indexOf(marks[1]))}`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();

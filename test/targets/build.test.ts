import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';
import { BuildError } from '../../targets/error.js';
import { projectFolder } from '../kafka/jars.js';

const test = suite('build');
let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-build-'));
});
test.after(() => rm(folder, { recursive: true, force: true }));

interface Declared {
  name: string;
  fields: Record<string, string>;
}

const imports = `import { bool, bytes, fixed, float, int, producer, stream, text, uint } from 'headwater';\n`;

async function build(source: string, target = 'quickjs') {
  const file = join(folder, 'firmware.ts');
  await writeFile(file, source);
  return buildFirmware({ entry: { file }, target, minify: true });
}

async function refused(source: string): Promise<string> {
  try {
    await build(source);
  } catch (error) {
    if (error instanceof BuildError) return error.message;
    throw error;
  }
  throw new Error('was built');
}

test('the id of the table is the one of the vectors', async () => {
  const path = join(projectFolder, 'test/vectors/tables.json');
  const { cases } = JSON.parse(await readFile(path, 'utf8')) as {
    cases: { name: string; streams: Declared[]; id: string }[];
  };
  for (const { name, streams, id } of cases) {
    const declared = streams.map(({ name, fields }) => {
      const list = Object.entries(fields).map(([field, type]) => `${field}: ${type}`);
      return `stream('${name}', { ${list.join(', ')} });`;
    });
    const built = await build(
      `${imports}${declared.join('\n')}\nproducer({ device: 'a', link: globalThis.link });`,
    );
    assert.is(Buffer.from(built.table, 'base64url').toString('hex'), id, name);
    assert.ok(built.code.includes(JSON.stringify(built.table)), 'the id is in the bundle');
  }
});

test('declarations of several modules count in the order in which they run', async () => {
  await writeFile(join(folder, 'first.ts'), `${imports}export const a = stream('a', { x: int });`);
  const built = await build(
    `import { a } from './first.js'; ${imports} stream('b', { x: uint }); globalThis.a = a;`,
  );
  assert.equal(
    built.streams.map((stream) => stream.name),
    ['a', 'b'],
  );
});

test('a field may be called like what every object has', async () => {
  const built = await build(`${imports} stream('a', { toString: int, constructor: uint });`);
  assert.equal(Object.keys(built.streams[0]!.fields), ['toString', 'constructor']);
});

test('what can not be read at build time is refused with its line and what to write', async () => {
  for (const [source, expected] of [
    [
      'const name = globalThis.n;\nstream(name, { t: int });',
      /firmware\.ts:3: write the stream's name as text/,
    ],
    [
      "const fields = globalThis.f;\nstream('a', fields);",
      /firmware\.ts:3: write the stream's fields in place/,
    ],
    ["stream('a', { t: globalThis.t });", /firmware\.ts:2: a field's type is one of the SDK's/],
    ["stream('a', { ['t']: int });", /firmware\.ts:2: write each field as name: type/],
    [
      "export function f() {\n  return stream('a', { t: int });\n}\nglobalThis.f = f;",
      /firmware\.ts:3: declare streams at the top level/,
    ],
    [
      "producer({ device: 'a', link: globalThis.link });\nstream('a', { t: int });",
      /firmware\.ts:3: declare all streams before producer\(\)/,
    ],
  ] as const) {
    assert.match(await refused(imports + source), expected);
  }
});

test('the firmware is not overwritten by what is built of it', async () => {
  const file = join(folder, 'firmware.ts');
  await writeFile(file, 'export {};');
  const words = [join(projectFolder, 'dist/headwater.js'), 'build', file, '--target', 'quickjs'];
  const { status, stderr } = spawnSync(process.execPath, [...words, '--out', file]);
  assert.is(status, 1);
  assert.match(String(stderr), /is the firmware itself; name another file/);
  assert.is(await readFile(file, 'utf8'), 'export {};');
});

test("esbuild's own errors are said with file, line and column", async () => {
  assert.match(await refused("import x from './nowhere.js';\nx();"), /firmware\.ts:1:\d+/);
  assert.match(await refused('const = 1;'), /firmware\.ts:1:\d+/);
});

test('the SDK brings nothing from outside', async () => {
  const source = `${imports}const s = stream('s', { t: int });\nproducer({ device: 'a', link: globalThis.link }).send(s, { t: 1 });`;
  const { code } = await build(source);
  assert.equal(
    [...code.matchAll(/from\s*["']([^"']+)["']/g)].map((found) => found[1]),
    ['os'],
  );
});

test.run();

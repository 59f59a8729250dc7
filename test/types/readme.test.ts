import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// README's first TypeScript example, compiled as a user would: against the types of the package, with a board of the user's.

const run = promisify(execFile);
const test = suite('types: README');
const project = fileURLToPath(new URL('../../..', import.meta.url));
const board = `
declare const board: {
  id: string;
  link: import('headwater/link').Link;
  readT(): number;
  readRH(): number;
  sleep(): void;
};
declare function setInterval(task: () => void, ms: number): unknown;
`;
let folder = '';
let example = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-types-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(project, join(folder, 'node_modules', 'headwater'), 'dir');
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const readme = await readFile(join(project, 'README.md'), 'utf8');
  example = /^```ts\n(.*?)^```$/ms.exec(readme)![1]!;
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** What tsc complains about; empty where it compiles. */
async function complaints(name: string, source: string): Promise<string> {
  const file = join(folder, `${name}.ts`);
  await writeFile(file, `${source}\n${board}`);
  const tsc = join(project, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--pretty', 'false'];
  const modern = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022', '--types', ''];
  try {
    await run(process.execPath, [tsc, ...options, ...modern, file], { cwd: folder });
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

test('it compiles', async () => {
  assert.match(example, /hw\.send\(climate/);
  assert.is(await complaints('example', example), '');
});

test('a wrong field, a missing field or a wrong option in it does not', async () => {
  const values = '{ t: board.readT(), rh: board.readRH() }';
  assert.ok(example.includes(values));
  for (const [name, from, to, complaint] of [
    ['wrong', values, '{ t: board.readT(), hr: board.readRH() }', /'hr' does not exist/],
    ['missing', values, '{ t: board.readT() }', /'rh' is missing/],
    ['text', values, "{ t: 'warm', rh: 40 }", /'string' is not assignable/],
    ['option', 'bufferBytes', 'bufferSize', /'bufferSize' does not exist/],
  ] as const) {
    const found = await complaints(name, example.replace(from, to));
    assert.match(found, complaint);
    assert.is(found.match(/error TS/g)?.length, 1, found);
  }
});

test.run();

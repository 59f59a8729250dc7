import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../targets/build.js';

// README's TypeScript examples, compiled as a user would: against the types of the package, with a board of the user's.

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
/** Below "Less to send". */
let lessExample = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-types-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(project, join(folder, 'node_modules', 'headwater'), 'dir');
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const readme = await readFile(join(project, 'README.md'), 'utf8');
  [example, lessExample] = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(
    (match) => match[1]!,
  ) as [string, string];
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

test('that of "Less to send" compiles and is built, and a wrong field in it does not compile', async () => {
  assert.is(await complaints('less', lessExample), '');
  for (const [name, from, to, complaint] of [
    ['band', '{ t: 0.2, rh: 1 }', '{ t: 0.2, hr: 1 }', /'hr' does not exist/],
    ['reduced', 'onChange.send({ t, ', 'onChange.send({ ', /'t' is missing/],
    ['input', 'perMinute.send({ t })', 'perMinute.send({ t_min: t })', /'t_min' does not exist/],
    ['statistic', 't_max: fixed(1)', 't_top: fixed(1)', /t_top/],
  ] as const) {
    assert.ok(lessExample.includes(from));
    assert.match(await complaints(name, lessExample.replace(from, to)), complaint);
  }
  const built = await buildFirmware({
    entry: { source: lessExample, folder: project },
    ...{ target: 'quickjs', minify: true },
  });
  assert.equal(
    built.streams.map(({ name }) => name),
    ['climate', 'minutes', 'display', 'raw', 'alarm'],
  );
});

test.run();

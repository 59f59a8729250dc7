import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { proveLink } from '../../sdk/link-conformance.js';
import type { Link } from '../../sdk/links/link.js';
import { projectFolder } from '../kafka/jars.js';
import { tcpFarEnd } from '../sdk/links/tcp-far-end.js';

// The link that docs/LINKS.md shows, as a user would have it: compiled against the package's types, and run through the conformance
// test.

const run = promisify(execFile);
const test = suite('docs/LINKS.md');
let folder = '';
let example = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-links-'));
  await mkdir(join(folder, 'node_modules/@types'), { recursive: true });
  await symlink(projectFolder, join(folder, 'node_modules/headwater'), 'dir');
  const types = join(projectFolder, 'node_modules/@types/node');
  await symlink(types, join(folder, 'node_modules/@types/node'), 'dir');
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const page = await readFile(join(projectFolder, 'docs/LINKS.md'), 'utf8');
  example = /^```ts\n(.*?)^```$/ms.exec(page)![1]!;
});
test.after(() => rm(folder, { recursive: true, force: true }));

test('the example compiles', async () => {
  const file = join(folder, 'tcp.ts');
  await writeFile(file, example);
  const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--types', 'node'];
  const modern = ['--module', 'nodenext', '--target', 'es2022', '--skipLibCheck'];
  await run(process.execPath, [tsc, ...options, ...modern, file], { cwd: folder }).catch(
    (error: { stdout: string }) => assert.unreachable(error.stdout),
  );
});

test('the example conforms', async () => {
  const file = join(folder, 'tcp.mjs');
  await writeFile(file, (await transform(example, { loader: 'ts' })).code);
  const { tcp } = (await import(pathToFileURL(file).href)) as {
    tcp(host: string, port: number): Link;
  };
  const { far, port, close } = await tcpFarEnd();
  // Nobody refuses for it: its port is fixed.
  const { refuse: _, ...rest } = far;
  const skipped = await proveLink({ link: () => tcp('127.0.0.1', port), far: rest });
  assert.is(skipped.length, 1);
  await close();
});

test.run();

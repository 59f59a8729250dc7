// The package as a user gets it: packed, installed into an empty folder, its command run, its types resolved.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from './kafka/jars.js';

const run = promisify(execFile);
const test = suite('package');
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-package-'));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  // The build is the one under test: prepack would make it again, beside the running tests.
  const packed = await run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    { cwd: projectFolder },
  );
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`], {
    cwd: folder,
  });
});

test.after(() => rm(folder, { recursive: true, force: true }));

test('npx headwater --help teaches', async () => {
  const { stdout } = await run('npx', ['headwater', '--help'], { cwd: folder });
  assert.match(stdout, /headwater build firmware.ts --target quickjs/);
  const { stdout: version } = await run('npx', ['headwater', '--version'], { cwd: folder });
  const { version: expected } = JSON.parse(
    await readFile(join(projectFolder, 'package.json'), 'utf8'),
  ) as { version: string };
  assert.is(version.trim(), expected);
});

test('a Kafka client that was not chosen is not installed', async () => {
  const installed = await readdir(join(folder, 'node_modules'));
  assert.ok(installed.includes('kafkajs'));
  assert.not.ok(installed.includes('@platformatic'), installed.join(' '));
});

test('wrong use: one line, exit code 2, no stack', async () => {
  for (const wrong of [['prox'], ['proxy'], ['build', 'x.ts', '--target', 'z80']]) {
    try {
      await run('npx', ['headwater', ...wrong], { cwd: folder });
      assert.unreachable();
    } catch (error) {
      const { code, stderr } = error as { code: number; stderr: string };
      assert.is(code, 2, stderr);
      assert.match(stderr, /^error: /m);
      assert.not.match(stderr, /\n {4}at /);
    }
  }
});

test('its types resolve, and a wrong field does not compile', async () => {
  const good = `
    import { fixed, producer, stream, uint } from 'headwater';
    import { sendUndeclared } from 'headwater/undeclared';
    import { flush } from 'headwater/flush';
    import type { Link } from 'headwater/link';
    declare const link: Link;
    const climate = stream('climate', { t: fixed(1), rh: uint });
    const hw = producer({ device: 'press-07', link, bufferBytes: 1024 });
    hw.send(climate, { t: 21.5, rh: 40 });
    sendUndeclared('note', { a: 1 });
    flush(() => {}, 1000);
  `;
  await writeFile(join(folder, 'good.ts'), good);
  await writeFile(join(folder, 'bad.ts'), `${good}\nhw.send(climate, { t: 21.5, hr: 40 });\n`);
  const check = (file: string) =>
    run(
      process.execPath,
      [
        join(projectFolder, 'node_modules/typescript/bin/tsc'),
        ...[
          '--noEmit',
          '--strict',
          '--module',
          'nodenext',
          '--target',
          'es2022',
          '--types',
          '',
          file,
        ],
      ],
      { cwd: folder },
    );
  await check('good.ts');
  try {
    await check('bad.ts');
    assert.unreachable();
  } catch (error) {
    assert.match((error as { stdout: string }).stdout, /bad\.ts.*hr/s);
  }
});

test('it builds firmware outside the repository', async () => {
  await writeFile(
    join(folder, 'firmware.ts'),
    `import { fixed, producer, stream } from 'headwater';
     const climate = stream('climate', { t: fixed(1) });
     const hw = producer({ device: 'a', link: globalThis.link });
     hw.send(climate, { t: 1 });`,
  );
  const { stdout } = await run(
    'npx',
    ['headwater', 'build', 'firmware.ts', '--target', 'quickjs', '--json'],
    { cwd: folder },
  );
  const { out, bytes, streams } = JSON.parse(stdout) as {
    out: string;
    bytes: number;
    streams: string[];
  };
  assert.equal(streams, ['climate']);
  assert.is((await readFile(join(folder, out))).length, bytes);
});

test.run();

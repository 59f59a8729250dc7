// The published package: no file that nothing in it asks for, and each that something asks for.

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';
import { type Package, packedFiles, type Reached, reach, readPackage } from './package-files.js';

const test = suite("the package's files");
let files: string[];
let content: Package;
let modules: Reached;

/** What `headwater build` puts into firmware by its name: an engine's file, a way to the table's id. */
const ofEngines = /^dist\/sdk\/(engines\/|table-id-)/;
const isModule = (path: string) => path.startsWith('dist/') && path.endsWith('.js');
const isTypes = (path: string) => path.endsWith('.d.ts');

test.before(async () => {
  files = await packedFiles();
  content = await readPackage();
  const offered = [...Object.values(content.exports), ...Object.values(content.bin)];
  const entries = offered.map((path) => path.replace(/^\.\//, '')).filter(isModule);
  modules = await reach([
    ...entries,
    ...files.filter((path) => ofEngines.test(path) && isModule(path)),
  ]);
});

test('each file is of a kind that a user needs: no source, no map, no test, no picture', () => {
  const kinds =
    /\.(js|d\.ts|md|yaml|html|css|csv|service)$|^LICENSE$|^package\.json$|\/Containerfile$/;
  for (const path of files) {
    assert.match(path, kinds);
    assert.not.match(path, /(^|\/)(test|bench|performance|node_modules)(\/|$)|\.(test|bench)\./);
  }
  for (const path of [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'package.json',
    'examples/site.yaml',
  ]) {
    assert.ok(files.includes(path), path);
  }
});

test('each module is asked for, by what the package offers, or is of types alone', async () => {
  for (const path of files.filter(isModule)) {
    if (modules.files.has(path)) continue;
    const text = await readFile(join(projectFolder, path), 'utf8');
    const code = text.replace(/^\s*\/\/.*$|\/\*[\s\S]*?\*\//gm, '').trim();
    assert.is(code, 'export {};', `${path}: nothing asks for it; leave it out in package.json`);
  }
});

test('each module that is asked for is there, and is not left over from a source that is gone', () => {
  for (const path of modules.files) {
    assert.ok(files.includes(path), `${path}: name it in package.json`);
    assert.ok(
      existsSync(join(projectFolder, path.slice('dist/'.length).replace(/\.js$/, '.ts'))),
      path,
    );
  }
});

test('each package that is asked for is a dependency, and each dependency is asked for', () => {
  const { dependencies, peerDependencies } = content;
  const declared = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]);
  // `std` and `os` are QuickJS's own, `headwater` is this package.
  const given = new Set([...builtinModules, 'std', 'os', 'headwater', 'Storage', '']);
  for (const [name, file] of modules.packages) {
    assert.ok(declared.has(name) || given.has(name), `${name}, asked for by ${file}`);
  }
  for (const name of declared) assert.ok(modules.packages.has(name), name);
});

test('what is read beside the code is there; of a folder all that is no source', async () => {
  // Modules of dist/ are seen to above.
  const beside = [...modules.beside].filter((path) => !path.startsWith('dist/'));
  assert.ok(beside.length >= 3);
  for (const path of beside) {
    const names = path.endsWith('/') ? await readdir(join(projectFolder, path)) : null;
    const data = names?.filter((name) => !name.endsWith('.ts')).map((name) => `${path}${name}`);
    if (data !== undefined) assert.ok(data.length > 0, path);
    for (const file of data ?? [path]) {
      assert.ok(files.includes(file), `${file}: name it in package.json`);
    }
  }
});

test('the types of what the package offers are there whole, and of the rest none but the SDK has', async () => {
  const offered = Object.values(content.exports).filter((path) => path.endsWith('.js'));
  const types = await reach(offered.map((path) => path.replace(/^\.\/(.*)\.js$/, '$1.d.ts')));
  for (const path of types.files)
    assert.ok(files.includes(path), `${path}: name it in package.json`);
  for (const path of files.filter(isTypes)) {
    const isMeant = path.startsWith('dist/sdk/') || types.files.has(path);
    assert.ok(isMeant, `${path}: no export has it; leave it out in package.json`);
  }
  for (const [name, file] of types.packages) {
    assert.ok(name in content.dependencies, `${name}, asked for by ${file}`);
  }
});

test('a picture of a page is the only link of the documents that leads to nothing', async () => {
  for (const path of files.filter((file) => /^docs\/.*\.md$/.test(file))) {
    const text = await readFile(join(projectFolder, path), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(projectFolder, 'docs', target)), `${path}: ${target}`);
    }
  }
});

test.run();

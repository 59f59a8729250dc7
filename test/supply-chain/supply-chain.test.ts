// What comes with Headwater is known, may be passed on, and is checked when it is downloaded.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { projectFolder } from '../kafka/jars.js';
import { isAllowed, page, pageText, unsaid } from './licences.js';
import { type Lock, readLock } from './lock.js';
import { type Bom, makeBom } from './sbom.js';

const test = suite('supply chain');
let lock: Lock;
test.before(async () => {
  lock = await readLock();
});

test('docs/DEPENDENCIES.md is what the lock file has, and says of each why it is there', async () => {
  const text = await readFile(page, 'utf8');
  assert.is(await pageText(text, lock), text);
  assert.not.ok(text.includes(unsaid));
  assert.ok(lock.direct.length > 10 && lock.brought.length > 20 && lock.peers.length === 3);
});

test('a package that is new, another version and another licence each make it differ', async () => {
  const text = await readFile(page, 'utf8');
  const [first, ...rest] = lock.direct;
  const stranger = { ...first!, name: 'stranger' };
  for (const direct of [
    [...lock.direct, stranger],
    [{ ...first!, version: '0.0.1' }, ...rest],
    [{ ...first!, licence: 'AGPL-3.0-only' }, ...rest],
    rest,
  ]) {
    assert.is.not(await pageText(text, { ...lock, direct }), text);
  }
  const withStranger = await pageText(text, { ...lock, direct: [...lock.direct, stranger] });
  assert.match(withStranger, /^\| `stranger` \| .* \| TO BE SAID \|$/m);
});

test('each licence allows use and passing on, the tools of development too', () => {
  for (const { name, licence } of lock.all) assert.ok(isAllowed(licence), `${name}: ${licence}`);
  for (const other of [
    'none',
    'AGPL-3.0-only',
    'UNLICENSED',
    'SEE LICENSE IN x',
    'MIT AND GPL-2.0',
  ]) {
    assert.not.ok(isAllowed(other), other);
  }
  assert.ok(isAllowed('GPL-2.0-only OR MIT'));
});

test('each entry of the lock file is checked when it is downloaded, and comes from where npm is told', () => {
  assert.ok(lock.all.length > 150);
  for (const { name, integrity = '', resolved } of lock.all) {
    assert.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, name);
    // A registry of somebody's own would be asked for by everybody.
    if (resolved !== undefined) assert.ok(resolved.startsWith('https://registry.npmjs.org/'), name);
  }
});

test('no package runs a script while it is installed that is not named', async () => {
  const named = new Set(lock.all.filter((one) => one.hasInstallScript).map(({ name }) => name));
  const text = await readFile(page, 'utf8');
  const table = text.slice(text.indexOf('### Run when they are installed'));
  const rows = [...table.matchAll(/^\| `(.*?)` \| `(.+?)` \| (.{20,}) \|$/gm)];
  assert.equal(rows.map(([, name]) => name).sort(), [...named].sort());
  const { allowScripts } = JSON.parse(
    await readFile(join(projectFolder, 'package.json'), 'utf8'),
  ) as { allowScripts: Record<string, boolean> };
  assert.equal(Object.keys(allowScripts).sort(), [...named].sort());
  // The lock file is npm's word; the packages themselves have to agree.
  for (const name of await installed()) {
    if (await runsScript(name)) assert.ok(named.has(name), name);
  }
});

test('the bill of materials has all that comes with Headwater, nothing else, with hashes and licences', async () => {
  const bom = await makeBom();
  assert.equal([bom.bomFormat, bom.specVersion], ['CycloneDX', '1.5']);
  assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f-]{36}$/);
  const { version } = JSON.parse(await readFile(join(projectFolder, 'package.json'), 'utf8'));
  const { component } = bom.metadata;
  assert.equal([component.name, component.version], ['headwater', version]);
  const wanted = [...lock.direct, ...lock.brought];
  assert.equal(
    bom.components.map((one) => `${one.name}@${one.version}`).sort(),
    wanted.map((one) => `${one.name}@${one.version}`).sort(),
  );
  checkComponents(bom, wanted);
});

function checkComponents(bom: Bom, wanted: Lock['all']): void {
  const refs = new Set(bom.components.map((one) => one['bom-ref']));
  assert.is(refs.size, bom.components.length);
  const own = bom.metadata.component['bom-ref'];
  for (const { ref, dependsOn } of bom.dependencies) {
    for (const one of [ref, ...dependsOn]) assert.ok(one === own || refs.has(one), one);
  }
  for (const { name, version, purl, hashes, licenses } of bom.components) {
    const locked = wanted.find((one) => one.name === name && one.version === version)!;
    assert.is(decodeURIComponent(purl), `pkg:npm/${name}@${version}`);
    const hash = Buffer.from(locked.integrity!.slice('sha512-'.length), 'base64').toString('hex');
    assert.equal(hashes, [{ alg: 'SHA-512', content: hash }], name);
    const licence = licenses?.[0]?.license?.id ?? licenses?.[0]?.expression;
    assert.is(licence, locked.licence, name);
  }
}

/** Names of the packages of node_modules, those in others' too. */
async function installed(): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(join(projectFolder, 'node_modules'), { recursive: true })) {
    const [, name] =
      /^(?:.*\/node_modules\/)?((?:@[^/]+\/)?[^/]+)\/package\.json$/.exec(entry) ?? [];
    if (name !== undefined) names.push(entry.slice(0, -'/package.json'.length));
  }
  assert.ok(names.length > 50);
  return names;
}

async function runsScript(name: string): Promise<boolean> {
  const folder = join(projectFolder, 'node_modules', name);
  const { scripts = {} } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    scripts?: Record<string, string>;
  };
  const isNamed = ['preinstall', 'install', 'postinstall'].some((step) => step in scripts);
  // npm compiles such a package without being asked to.
  return isNamed || (await readdir(folder)).includes('binding.gyp');
}

test.run();

// `headwater device …`, the built command, on real files.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, open, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey } from '../../../proxy/auth/registry-changes.js';
import { parseKeys } from '../../../proxy/auth/registry-text.js';
import { KeyScene, keysOf, until } from './key-scene.js';

const test = suite<{ scene: KeyScene }>('headwater device');
test.before.each(async (context) => {
  context.scene = await KeyScene.begin();
});
test.after.each(({ scene }) => scene.end());

const command = fileURLToPath(new URL('../../../headwater.js', import.meta.url));

/** Each key in what was printed, in order. */
function printed(out: string): string[] {
  return [...out.matchAll(/^auth\('([A-Za-z0-9_-]{32})'\);$/gm)].map(([, key = '']) => key);
}

async function entries(scene: KeyScene) {
  return parseKeys(await scene.text()).entries;
}

test('add prints what the firmware needs, and no more; the key in it is the one that the proxy knows', async ({
  scene,
}) => {
  const { code, out, error } = await scene.run('add', 'press-07');
  assert.is(code, 0, error);
  const [key = ''] = printed(out);
  assert.is(out, `// press-07\nimport { auth } from 'headwater/auth';\nauth('${key}');\n`);
  assert.equal(keysOf(await scene.open(), 'press-07'), [key]);
  assert.match(error, /devices\.keys: press-07 added; a proxy that runs knows within a second\n$/);
});

test('several at once, from arguments and a list, as JSON; one that is known: none is added', async ({
  scene,
}) => {
  const list = join(scene.folder, 'list.txt');
  await writeFile(list, `hall "2"\r\n\nwith 'quotes'\n`);
  const { code, out } = await scene.run('add', 'press-07', '--from', list, '--json');
  assert.is(code, 0);
  const said = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const known = await entries(scene);
  assert.equal(
    said.map(({ device, key }) => [device, key]),
    known.map(({ device, key }) => [device, key]),
  );
  assert.equal(
    known.map(({ device }) => device),
    ['press-07', 'hall "2"', "with 'quotes'"],
  );
  for (const { key, line } of said) assert.is(line, `auth('${key}');`);

  const before = await scene.text();
  const again = await scene.run('add', 'press-08', 'press-07');
  assert.equal([again.code, again.out], [1, '']);
  assert.match(again.error, /^headwater: press-07 is known already; .*; nothing was changed\n$/);
  assert.is(await scene.text(), before);
});

test('a key from outside comes by standard input, and is not shown', async ({ scene }) => {
  const key = newKey();
  const add = ['device', 'add', '--key', '--keys', scene.file];
  const { code, out, error } = await scene.headwater([...add, 'press-07'], `${key}\n`);
  assert.equal([code, out], [0, ''], error);
  assert.not.ok(error.includes(key));
  assert.equal(
    (await entries(scene)).map((one) => one.key),
    [key],
  );
  for (const [names, input, expected, status] of [
    [
      ['a', 'b'],
      `${newKey()}\n`,
      /standard input: expected 2 keys, a line each, and found 1 lines/,
      2,
    ],
    [['a'], `${newKey()}\n${newKey()}\n`, /standard input: expected a key, and found 2 lines/, 2],
    [['a'], 'kurz', /standard input:1: a key is 16 to 64 letters/, 2],
    [['a'], `${key}\n`, /a: this key is one of press-07; each key is one device's/, 1],
  ] as const) {
    const refused = await scene.headwater([...add, ...names], input);
    assert.equal([refused.code, refused.out], [status, ''], refused.error);
    assert.match(refused.error, expected);
    for (const line of input.split('\n')) {
      assert.not.ok(line !== '' && refused.error.includes(line), refused.error);
    }
  }
});

test('a rotation: two keys, finished, cancelled, one at a time', async ({ scene }) => {
  const [old] = printed((await scene.run('add', 'press-07')).out);
  const rotated = await scene.run('rotate', 'press-07', '--keep', '12h');
  const [next] = printed(rotated.out);
  const registry = await scene.open();
  assert.equal(keysOf(registry, 'press-07'), [next, old]);
  const [newest, oldest] = await entries(scene);
  assert.is(oldest?.untilMs, newest!.addedMs + 43_200_000);

  const again = await scene.run('rotate', 'press-07');
  assert.equal([again.code, again.out], [1, '']);
  assert.match(again.error, /press-07 is in a rotation already; `rotate NAME --finish` ends it/);

  assert.is((await scene.run('rotate', 'press-07', '--cancel')).code, 0);
  await until(() => registry.of('press-07').length === 1);
  assert.equal(keysOf(registry, 'press-07'), [old]);
  assert.is((await scene.run('rotate', 'press-07', '--finish')).code, 1);

  const [third] = printed((await scene.run('rotate', 'press-07')).out);
  assert.is((await scene.run('rotate', 'press-07', '--finish')).code, 0);
  await until(() => keysOf(registry, 'press-07').join() === third);

  await scene.run('rotate', 'press-07', '--keep', '30d');
  assert.is((await scene.run('revoke', 'press-07', '--old')).code, 0);
  assert.is((await entries(scene)).length, 1);
  assert.not.ok((await scene.text()).includes(third!));
});

test('list says who is known, and in a rotation', async ({ scene }) => {
  await scene.run('add', 'press-08', 'press-07');
  await scene.run('rotate', 'press-08', '--keep', '7d');
  const { code, out, error } = await scene.run('list');
  assert.equal([code, error], [0, '']);
  assert.match(
    out,
    /^press-07 {2}key made \d+ seconds? ago\npress-08 {2}key made \d+ seconds? ago; in a rotation, the one before it is valid for 7 days yet\n2 devices, 1 in a rotation\n$/,
  );
  const json = (await scene.run('list', '--json')).out.trim().split('\n');
  const [one, two] = json.map((line) => JSON.parse(line));
  assert.equal([one.device, one.rotation], ['press-07', null]);
  assert.equal(Object.keys(two.rotation), ['oldAdded', 'oldUntil']);
});

test('revoke takes all keys of a device, and no other', async ({ scene }) => {
  await scene.run('add', 'press-07', 'press-08');
  await scene.run('rotate', 'press-07');
  const registry = await scene.open();
  assert.is((await scene.run('revoke', 'press-07')).code, 0);
  await until(() => scene.revoked.length > 0);
  assert.equal(registry.of('press-07'), []);
  assert.is(registry.of('press-08').length, 1);
  assert.is((await scene.run('revoke', 'press-07')).code, 1);
});

test('verbs at once: no change is lost', async ({ scene }) => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const ended = await Promise.all(names.map((name) => scene.run('add', name)));
  assert.equal(
    ended.map(({ code }) => code),
    names.map(() => 0),
  );
  const known = await entries(scene);
  assert.equal(known.map(({ device }) => device).sort(), names);
  assert.equal(known.map(({ key }) => key).sort(), ended.flatMap(({ out }) => printed(out)).sort());
  assert.equal(await readdir(scene.folder), ['devices.keys']);
});

test('a verb that is killed, whenever, leaves a registry that is whole', async ({ scene }) => {
  await scene.run('add', 'first');
  for (let round = 0; round < 6; round++) {
    const words = [command, 'device', 'add', `round-${round}`, '--keys', scene.file];
    const child = spawn(process.execPath, words, { stdio: 'ignore' });
    const closed = once(child, 'close');
    // Somewhere on the way, since each round sees another beginning of the write.
    await until(
      async () =>
        round === 0 || (await readdir(scene.folder)).length > 1 || child.exitCode !== null,
    );
    child.kill('SIGKILL');
    await closed;
    assert.equal(parseKeys(await scene.text()).mistakes, []);
  }
  assert.is((await scene.run('add', 'last')).code, 0);
  assert.equal(await readdir(scene.folder), ['devices.keys']);
  assert.is((await stat(scene.file)).mode & 0o777, 0o600);
});

test('the configuration names the registry', async ({ scene }) => {
  const site = join(scene.folder, 'site.yaml');
  const text = 'site: press-hall\njournal: { folder: ./journal }\nkeys: ./devices.keys\n';
  await writeFile(site, text);
  const { code, error } = await scene.headwater(['device', 'add', 'press-07', '-c', site]);
  assert.is(code, 0, error);
  assert.is((await entries(scene)).length, 1);
  await writeFile(site, text.replace(/keys.*/, 'listen: { tcp: { auth: none } }'));
  const without = await scene.headwater(['device', 'list', '-c', site]);
  assert.is(without.code, 2);
  assert.match(
    without.error,
    /site\.yaml: no registry is named there; add `keys: \.\/devices\.keys`/,
  );
});

test('what a person can mend is a line and an exit code', async ({ scene }) => {
  const list = join(scene.folder, 'list.txt');
  await writeFile(list, 'good\nbad \n');
  for (const [words, code, expected] of [
    [['list'], 1, /devices\.keys: there is no registry yet; `headwater device add` makes it/],
    [['revoke', 'a'], 1, /a is not known/],
    [['add'], 2, /which device\? Give its name, or --from with a list/],
    [['add', 'ü'], 2, /"ü": a device's name is 1 to 64 characters of printable ASCII/],
    [['add', 'a', 'a'], 2, /a: it is named twice/],
    [['add', '--from', list], 2, /list\.txt:2: a space before or behind the name/],
    [['add', '--from', '/dev/none'], 2, /\/dev\/none: ENOENT/],
    [['add', 'a', '-c', 'site.yaml'], 2, /either --config with .*, or --keys/],
    [['rotate', 'a', '--finish', '--cancel'], 2, /either --finish or --cancel/],
    [['rotate', 'a', '--keep', 'long'], 2, /expected a time of at most 366 days/],
    [['rotate', 'a', '--keep', '0d'], 2, /expected a time of at most 366 days/],
  ] as const) {
    const { code: ended, out, error } = await scene.run(...words);
    assert.equal([ended, out], [code, ''], `${words.join(' ')}: ${error}`);
    assert.match(error, expected);
    assert.not.match(error, /\n {4}at /);
  }
  const nowhere = await scene.headwater(['device', 'add', 'a', '--keys', '/dev/none/keys']);
  assert.is(nowhere.code, 1);
  assert.match(nowhere.error, /^headwater: \/dev\/none: nothing was changed: .*\n$/);
});

test('a registry that others may read is refused by each verb, and stays as it is', async ({
  scene,
}) => {
  await scene.run('add', 'press-07');
  const before = await scene.text();
  await chmod(scene.file, 0o644);
  for (const words of [['add', 'b'], ['list'], ['rotate', 'press-07'], ['revoke', 'press-07']]) {
    const { code, out, error } = await scene.run(...words);
    assert.equal([code, out], [1, ''], words.join(' '));
    assert.match(error, /\(mode 0644\), and it holds devices' keys: chmod 600 /);
  }
  assert.is(await scene.text(), before);
});

test('who writes keys into a file that others may read is told', async ({ scene }) => {
  const into = async (name: string, mode: number) => {
    const file = await open(join(scene.folder, name), 'w', mode);
    await file.chmod(mode);
    const words = [command, 'device', 'add', name, '--keys', scene.file];
    const child = spawn(process.execPath, words, { stdio: ['ignore', file.fd, 'pipe'] });
    let error = '';
    child.stderr!.on('data', (chunk) => {
      error += chunk;
    });
    await once(child, 'close');
    await file.close();
    return error;
  };
  assert.match(
    await into('open', 0o644),
    /standard output is a file that others may read.*chmod 600/,
  );
  assert.not.match(await into('own', 0o600), /others/);
});

test('no key is in anything but the line of add and rotate: outputs, complaints, logs', async ({
  scene,
}) => {
  const keys: string[] = [];
  const said: string[] = [];
  const run = async (...words: string[]) => {
    const { out, error } = await scene.run(...words);
    keys.push(...printed(out));
    said.push(out.replace(/^auth\('.*'\);$/gm, ''), error);
  };
  await run('add', 'press-07', 'press-08');
  const registry = await scene.open();
  for (const words of [
    ['add', 'press-07'],
    ['rotate', 'press-07', '--keep', '1h'],
    ['rotate', 'press-07'],
    ['list'],
    ['list', '--json'],
    ['revoke', 'press-07', '--old'],
    ['revoke', 'press-08'],
    ['revoke', 'press-08'],
  ]) {
    await run(...words);
  }
  await until(() => scene.revoked.length > 1);
  // Torn in the middle of the line that holds it, and twice the same.
  const whole = await scene.text();
  for (const text of [
    whole.slice(0, whole.indexOf('added') + 5),
    whole.replace('"key":"', '"key":"§'),
    whole + whole.split('\n')[1],
    whole.split('\n').slice(1).join('\n'),
  ]) {
    const errors = scene.errors().length;
    await scene.write(text);
    for (const words of [['list'], ['add', 'other'], ['revoke', 'press-07']]) await run(...words);
    await until(() => scene.errors().length > errors);
    said.push(registry.trouble()!);
  }
  said.push(JSON.stringify(scene.logged));
  const all = said.join('\n');
  assert.is(keys.length, 3);
  assert.match(all, /this is no registry of keys/);
  for (const key of keys) {
    for (let at = 0; at + 8 <= key.length; at++) {
      assert.not.ok(all.includes(key.slice(at, at + 8)), all);
    }
  }
});

test('each verb teaches, with an example', async ({ scene }) => {
  for (const verb of ['add', 'list', 'rotate', 'revoke']) {
    const { code, out } = await scene.headwater(['device', verb, '--help']);
    assert.is(code, 0);
    assert.match(out, new RegExp(`Examples:\n {2}headwater device ${verb} `));
    assert.match(out, /Exit codes: 0 done; 1 .*; 2 wrong use/s);
  }
  assert.match((await scene.headwater(['device', '--help'])).out, /never crosses the link/);
});

test.run();

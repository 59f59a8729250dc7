// The registry as the proxy has it: which files it takes, and that it is as its file is.

import { execFile } from 'node:child_process';
import { promises, writeFileSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addDevices,
  finishRotation,
  newKey,
  revokeDevices,
  rotateDevices,
} from '../../../proxy/auth/registry-changes.js';
import { changeKeysFile, KeysError } from '../../../proxy/auth/registry-file.js';
import { KeyScene, keysOf, until } from './key-scene.js';

const test = suite<{ scene: KeyScene }>('the registry');
test.before.each(async (context) => {
  context.scene = await KeyScene.begin();
});
test.after.each(({ scene }) => scene.end());

async function add(scene: KeyScene, ...names: string[]): Promise<string[]> {
  const keys = names.map(() => newKey());
  await changeKeysFile(scene.file, (entries) => addDevices(entries ?? [], names, keys, Date.now()));
  return keys;
}

async function rotate(scene: KeyScene, name: string, keepMs: number): Promise<string> {
  const key = newKey();
  await changeKeysFile(scene.file, (entries) =>
    rotateDevices(entries!, [name], [key], { nowMs: Date.now(), keepMs }),
  );
  return key;
}

async function refusal(scene: KeyScene): Promise<string> {
  try {
    await scene.open();
  } catch (error) {
    assert.instance(error, KeysError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

test('a device has its key as the bytes of its characters; who is not there has none', async ({
  scene,
}) => {
  const [key] = await add(scene, 'press-07', 'press 8');
  assert.is((await stat(scene.file)).mode & 0o777, 0o600);
  const registry = await scene.open();
  assert.equal(keysOf(registry, 'press-07'), [key]);
  assert.is(registry.of('press-07')[0]?.length, 32);
  assert.is(registry.of('press 8').length, 1);
  assert.equal(registry.of('press-0'), []);
  assert.equal(registry.of('__proto__'), []);
  assert.is(registry.trouble(), null);
});

test('an added device is known, without a start', async ({ scene }) => {
  await add(scene, 'press-07');
  const registry = await scene.open();
  const [key] = await add(scene, 'press-08');
  await until(() => registry.of('press-08').length > 0);
  assert.equal(keysOf(registry, 'press-08'), [key]);
  assert.equal(scene.revoked, []);
});

test('a revocation is told, for each device that lost a key, and of no other', async ({
  scene,
}) => {
  await add(scene, 'press-07', 'press-08', 'press-09');
  const registry = await scene.open();
  await changeKeysFile(scene.file, (entries) =>
    revokeDevices(entries!, ['press-07', 'press-09'], Date.now()),
  );
  await until(() => scene.revoked.length > 1);
  assert.equal(scene.revoked, ['press-07', 'press-09']);
  assert.equal(registry.of('press-07'), []);
  assert.is(registry.of('press-08').length, 1);
});

test('in a rotation both keys are valid, the newest first; its end is told', async ({ scene }) => {
  const [old] = await add(scene, 'press-07');
  const registry = await scene.open();
  const next = await rotate(scene, 'press-07', 3_600_000);
  await until(() => registry.of('press-07').length > 1);
  assert.equal(keysOf(registry, 'press-07'), [next, old]);
  assert.equal(scene.revoked, []);
  await changeKeysFile(scene.file, (entries) => finishRotation(entries!, ['press-07'], Date.now()));
  await until(() => scene.revoked.length > 0);
  assert.equal(keysOf(registry, 'press-07'), [next]);
  assert.equal(scene.revoked, ['press-07']);
});

test('the old key ends by the clock, with the file as it is, and is told; also where the clock goes back', async ({
  scene,
}) => {
  const [old] = await add(scene, 'press-07', 'press-08');
  const next = await rotate(scene, 'press-07', 3_600_000);
  const registry = await scene.open();
  assert.equal(keysOf(registry, 'press-07'), [next, old]);
  scene.laterMs = 3_600_001;
  await until(() => scene.revoked.length > 0);
  assert.equal(keysOf(registry, 'press-07'), [next]);
  scene.laterMs = 0;
  await until(() => registry.of('press-07').length > 1);
  assert.equal(keysOf(registry, 'press-07'), [next, old]);
  assert.equal(scene.revoked, ['press-07']);
});

test('a key that is over when the file is read is not valid', async ({ scene }) => {
  await add(scene, 'press-07');
  const next = await rotate(scene, 'press-07', 1_000);
  scene.laterMs = 2_000;
  assert.equal(keysOf(await scene.open(), 'press-07'), [next]);
});

test('the newest key is the one without an end, wherever in the file it stands', async ({
  scene,
}) => {
  const [old] = await add(scene, 'press-07');
  const next = await rotate(scene, 'press-07', 60_000);
  const [head, ...lines] = (await scene.text()).trim().split('\n');
  await scene.write([head, ...lines.reverse()].join('\n'));
  assert.equal(keysOf(await scene.open(), 'press-07'), [next, old]);
});

test('a file that is not there, or is damaged, is refused at the start: what, where, what to do', async ({
  scene,
}) => {
  assert.match(await refusal(scene), /devices\.keys: there is no such file; `headwater device add/);
  await add(scene, 'a', 'b');
  await scene.write((await scene.text()).slice(0, -20));
  assert.match(await refusal(scene), /devices\.keys:3: expected \{"device"/);
  await scene.write('');
  assert.match(await refusal(scene), /devices\.keys:1: this is no registry of keys/);
  await scene.write(['{"headwater":"keys","version":1}', ...'x'.repeat(14)].join('\n'));
  assert.is((await refusal(scene)).split('\n').length, 11);
  assert.match(await refusal(scene), /devices\.keys: and 4 more$/);
});

test('a file that others may read or write is refused, and what is to be done is said', async ({
  scene,
}) => {
  await add(scene, 'a');
  for (const mode of [0o640, 0o620, 0o604, 0o602, 0o610, 0o777]) {
    await chmod(scene.file, mode);
    const text = await refusal(scene);
    assert.match(text, new RegExp(`\\(mode 0${mode.toString(8)}\\)`));
    assert.ok(text.endsWith(`chmod 600 ${scene.file}`), text);
  }
  for (const mode of [0o600, 0o400]) {
    await chmod(scene.file, mode);
    await scene.open();
  }
});

test("another user's file is refused", async ({ scene }) => {
  if (process.getuid?.() !== 0) return console.log('skipped: only root gives a file away');
  await add(scene, 'a');
  await chown(scene.file, 65_534, 0);
  assert.match(await refusal(scene), /belongs to user 65534, and this runs as user 0: run it as/);
});

test('a folder in which everybody may replace files is refused, unless its sticky bit is set', async ({
  scene,
}) => {
  await add(scene, 'a');
  await chmod(scene.folder, 0o777);
  assert.match(await refusal(scene), /may replace files in it \(mode 0777\).*: chmod o-w /);
  await chmod(scene.folder, 0o1777);
  await scene.open();
});

test('what is no file is refused: a folder, a pipe that nobody writes to', async ({ scene }) => {
  await mkdir(scene.file);
  assert.match(await refusal(scene), /devices\.keys: it is no file/);
  await rmdir(scene.file);
  await promisify(execFile)('mkfifo', ['-m', '600', scene.file]);
  assert.match(await refusal(scene), /devices\.keys: it is no file/);
});

test('a file that breaks later keeps what was read, says so once and as long as it lasts, and a revocation in it comes when it is mended', async ({
  scene,
}) => {
  const [key] = await add(scene, 'a', 'b');
  const registry = await scene.open();
  const whole = await scene.text();
  const [head, , second] = whole.split('\n');
  await scene.write(`${head}\n${second}\nnonsense\n`);
  await until(() => registry.trouble() !== null);
  assert.match(registry.trouble()!, /devices\.keys:3: expected .*; devices' keys are as they were/);
  assert.match(
    registry.trouble()!,
    /read at 2\d\d\d-.*, and a revocation since then has NO effect/,
  );
  assert.equal(keysOf(registry, 'a'), [key]);
  assert.equal(scene.errors(), [registry.trouble()]);

  await chmod(scene.file, 0o644);
  await until(() => scene.errors().length > 1);
  assert.match(registry.trouble()!, /\(mode 0644\)/);
  await rm(scene.file);
  await until(() => scene.errors().length > 2);
  assert.match(registry.trouble()!, /there is no such file/);
  assert.equal(keysOf(registry, 'a'), [key]);
  assert.equal(scene.revoked, []);

  await scene.write(`${head}\n${second}\n`);
  await until(() => registry.trouble() === null);
  assert.equal(registry.of('a'), []);
  assert.equal(scene.revoked, ['a']);
  assert.is(scene.errors().length, 3);
});

test('a file that was moved away and comes back as it was is no trouble any more', async ({
  scene,
}) => {
  await add(scene, 'a');
  const registry = await scene.open();
  await rename(scene.file, `${scene.file}.away`);
  await until(() => registry.trouble() !== null);
  await rename(`${scene.file}.away`, scene.file);
  await until(() => registry.trouble() === null);
  assert.equal(scene.revoked, []);
});

test('a file that reports an error when it is closed is a trouble, and ends nothing', async ({
  scene,
}) => {
  await add(scene, 'a');
  const registry = await scene.open();
  const { open } = promises;
  promises.open = async (...how) => {
    const handle = await open(...how);
    const { close } = handle;
    handle.close = async () => {
      await close();
      throw Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' });
    };
    return handle;
  };
  try {
    await utimes(scene.file, 1, 1);
    await until(() => registry.trouble() !== null);
  } finally {
    promises.open = open;
  }
  assert.is(registry.of('a').length, 1);
  await until(() => registry.trouble() === null);
});

test('a file system that gives no answer is a trouble, too', async ({ scene }) => {
  await add(scene, 'a');
  const registry = await scene.open();
  const said: (string | null)[] = [];
  scene.onLook = () => {
    scene.stuckMs += 6_000;
    said.push(registry.trouble());
  };
  await until(() => said.length > 0);
  assert.match(said[0]!, /devices\.keys: the file system gives no answer; .* has NO effect$/);
  await until(() => registry.trouble() === null);
});

test('twenty changes at once: none is lost', async ({ scene }) => {
  const names = Array.from({ length: 20 }, (_, index) => `press-${index}`);
  await Promise.all(names.map((name) => add(scene, name)));
  const registry = await scene.open();
  for (const name of names) assert.is(registry.of(name).length, 1, name);
});

test('what a killed change left is gone after the next one', async ({ scene }) => {
  await add(scene, 'a');
  await writeFile(`${scene.file}.new`, 'half of a registry', { mode: 0o644 });
  await add(scene, 'b');
  await rejectsWith(() => stat(`${scene.file}.new`), /ENOENT/);
  assert.is((await stat(scene.file)).mode & 0o777, 0o600);
  assert.is((await scene.open()).of('b').length, 1);
});

test('what an editor wrote during a change is kept, and the change is refused', async ({
  scene,
}) => {
  await add(scene, 'a', 'b');
  const edited = (await scene.text()).split('\n').slice(0, 2).join('\n');
  const change = changeKeysFile(scene.file, (entries) => {
    writeFileSync(scene.file, edited);
    return entries!;
  });
  await rejectsWith(() => change, /somebody changed it meanwhile, and nothing was written/);
  assert.is(await scene.text(), edited);
});

test('behind a symbolic link the file is changed, and the link stays', async ({ scene }) => {
  await add(scene, 'a');
  await rename(scene.file, join(scene.folder, 'real.keys'));
  await symlink('real.keys', scene.file);
  await add(scene, 'b');
  assert.is((await scene.open()).of('b').length, 1);
  assert.ok((await stat(join(scene.folder, 'real.keys'))).size > 200);
});

async function rejectsWith(task: () => Promise<unknown>, expected: RegExp): Promise<void> {
  try {
    await task();
  } catch (error) {
    assert.match((error as Error).message, expected);
    return;
  }
  assert.unreachable();
}

test.run();

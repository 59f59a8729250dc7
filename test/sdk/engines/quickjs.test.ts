import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFirmware } from '../../../targets/build.js';
import { ack, welcome, wire } from '../peer.js';

// A firmware built for QuickJS, with an `os` as strict as that of QuickJS 2024-01-13: a timer is an object, and
// clearTimeout throws at anything else. (The hosts of our own tests and of the demo are more forgiving.)

interface Os {
  tasks: Map<object, () => void>;
  now: number;
}
interface Globals {
  strictOs: Os & { setTimeout(task: () => void): object; clearTimeout(timer: unknown): void };
  link: ReturnType<typeof wire>;
  sample(t: number): unknown;
}

const test = suite('engines/quickjs');
const globals = globalThis as unknown as Globals;
let folder = '';

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-quickjs-'));
});
test.after(() => rm(folder, { recursive: true, force: true }));

test('no timer but a real one is ever cancelled', async () => {
  const built = await buildFirmware({
    entry: {
      source: `
        import { fixed, producer, stream } from 'headwater';
        const climate = stream('climate', { t: fixed(1) });
        const hw = producer({ device: 'a', link: globalThis.link });
        globalThis.sample = (t) => hw.send(climate, { t });`,
      folder,
    },
    target: 'quickjs',
    minify: true,
  });
  const os = `export const setTimeout = (task) => globalThis.strictOs.setTimeout(task);
    export const clearTimeout = (timer) => globalThis.strictOs.clearTimeout(timer);
    export const now = () => globalThis.strictOs.now;`;
  await writeFile(join(folder, 'os.mjs'), os);
  await writeFile(
    join(folder, 'firmware.mjs'),
    built.code.replace(/from\s*["']os["']/, 'from "./os.mjs"'),
  );
  const strict: Globals['strictOs'] = {
    tasks: new Map(),
    now: 0.5,
    setTimeout(task) {
      const timer = {};
      strict.tasks.set(timer, task);
      return timer;
    },
    clearTimeout(timer) {
      if (typeof timer !== 'object' || timer === null)
        throw new TypeError('OSTimer object expected');
      strict.tasks.delete(timer);
    },
  };
  const link = wire();
  Object.assign(globals, { strictOs: strict, link });
  await import(pathToFileURL(join(folder, 'firmware.mjs')).href);
  /** Runs what is armed. */
  const fire = () => {
    for (const [timer, task] of [...strict.tasks]) {
      strict.tasks.delete(timer);
      task();
    }
  };
  fire();
  const [hello] = link.take();
  assert.is(hello?.type, 'hello');
  if (hello?.type === 'hello') link.say(welcome(hello.nonce, [[7, 0, 100]]));
  assert.is(globals.sample(21.5), 'ram');
  fire();
  assert.is(link.take().length, 1);
  link.say(ack(7, 1, 100));
  link.say(ack(7, 1, 100));
  assert.is(strict.tasks.size, 0);
});

test.run();

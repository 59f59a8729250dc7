import { copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../random.js';
import { until } from '../../site/until.js';
import type { Fault } from '../fault.js';
import { over } from '../layer.js';
import type { Scene } from '../scene.js';

// A power cut of the built proxy: killed, and what it had not synced is gone. The proxy runs over power-layer.ts
// from its start on a journal of which everything is durable; the next proxy finds what the cut left.

export const power: Fault = {
  name: 'power-cut',
  about: 'the proxy is killed, and all that it had not fsynced is gone, names too',
  async inject(scene, random) {
    const shadow = `${scene.journal}-shadow`;
    await startOverLayer(scene, shadow);
    await until(async () => ((await metric(scene)) ?? 0) > random.below(40));
    // Killed on its way first, so that the cut meets what two processes wrote.
    if (random.chance(1 / 3)) {
      await scene.killProxy();
      await scene.startProxy();
      await until(async () => ((await metric(scene)) ?? 0) > random.below(10));
    }
    await scene.killProxy();
    await cutPower(scene.journal, shadow, random);
    return async () => {
      scene.start = {};
      await rm(shadow, { recursive: true });
      const at = performance.now();
      await scene.startProxy();
      return at;
    };
  },
};

const metric = (scene: Scene) => scene.running.metric('headwater_lane_records_total');

/** The proxy that runs ends in order, so that all it leaves is on the disk. */
async function startOverLayer(scene: Scene, shadow: string): Promise<void> {
  const { running } = scene;
  scene.relay.pull();
  scene.expectEnd(running);
  const code = await running.stop();
  if (code !== 0) scene.amiss.push(`the proxy ended with exit code ${code}`);
  scene.proxy = null;
  await mkdir(shadow, { recursive: true });
  const names: Record<string, string> = {};
  for (const name of await readdir(scene.journal)) {
    if (!(await stat(join(scene.journal, name))).isFile()) continue;
    names[name] = `0-${name}`;
    await copyFile(join(scene.journal, name), join(shadow, `0-${name}`));
  }
  for (const which of ['live', 'durable'])
    await writeFile(join(shadow, which), JSON.stringify(names));
  scene.start = over('power-layer', {
    CHAOS_POWER_FOLDER: scene.journal,
    CHAOS_POWER_SHADOW: shadow,
  });
  await scene.startProxy();
  scene.relay.plug();
}

/** What is left: synced names with synced content; of one cut in three some files as the page cache had them. */
async function cutPower(journal: string, shadow: string, random: Random): Promise<void> {
  const read = async (which: string) =>
    JSON.parse(await readFile(join(shadow, which), 'utf8')) as Record<string, string>;
  const live = await read('live');
  const durable = await read('durable');
  const keepsSome = random.pick([0, 0, 0.5]);
  const cached = new Map(Object.entries(live).map(([name, id]) => [id, name]));
  const saved = join(shadow, 'cache');
  await mkdir(saved);
  const present = new Set(await readdir(journal));
  for (const [id, name] of cached) {
    if (present.has(name)) await copyFile(join(journal, name), join(saved, id));
    // Removed, and killed before that was noted.
    else cached.delete(id);
  }
  for (const name of await readdir(journal)) await rm(join(journal, name), { recursive: true });
  for (const [name, id] of Object.entries(durable)) {
    const isKept = cached.has(id) && random.chance(keepsSome);
    await copyFile(join(isKept ? saved : shadow, id), join(journal, name));
  }
}

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../site/until.js';
import { type Fault, healed } from '../fault.js';
import { over } from '../layer.js';
import type { Scene } from '../scene.js';

// A disk that refuses writes or fsyncs under load, below the built proxy (disk-layer.ts): nothing is acknowledged, the
// proxy stays up and goes on by itself. Of four one is killed meanwhile, and the next finds a sound disk.

const refusals = ['write EIO', 'sync EIO', 'write ENOSPC', 'write EDQUOT', 'sync ENOSPC'] as const;

export const diskError: Fault = {
  name: 'disk-error',
  about: 'writes or fsyncs of the journal fail (EIO, ENOSPC, EDQUOT), sound again after 0.2 to 4 s',
  async inject(scene, random) {
    const order = join(scene.folder, 'disk-order');
    await scene.killProxy();
    scene.start = over('disk-layer', { CHAOS_DISK_ORDER: order });
    await scene.startProxy();
    scene.start = {};
    await until(async () => ((await scene.running.metric('headwater_connections')) ?? 0) > 0);
    await sleep(random.below(500));
    const refusal = random.pick(refusals);
    scene.note(`disk-error: ${refusal}`);
    await writeFile(order, refusal);
    await standsStill(scene);
    await sleep(200 + random.below(4_000));
    mustStand(scene, refusal);
    const isKilled = random.chance(1 / 4);
    return async () => {
      await rm(order);
      const at = healed();
      if (isKilled) {
        await scene.killProxy();
        await scene.startProxy();
      }
      return at;
    };
  },
};

/** scene → what was acknowledged when the journal took nothing more. */
const acknowledgedThen = new WeakMap<Scene, number>();

/** The journal takes no events, and says so; what was acknowledged before has reached the devices. */
export async function standsStill(scene: Scene): Promise<void> {
  const { running } = scene;
  await until(async () => (await running.metric('headwater_journal_writable')) === 0);
  await sleep(1_000);
  acknowledgedThen.set(scene, acknowledged(scene));
}

export function mustStand(scene: Scene, why: string): void {
  const before = acknowledgedThen.get(scene) ?? 0;
  const more = acknowledged(scene) - before;
  // What is acknowledged under `ack: kafka` is in Kafka, whatever the disk does.
  if (more > 0 && scene.ack === 'journal')
    scene.amiss.push(`${more} events were acknowledged on a disk that refuses: ${why}`);
}

function acknowledged({ devices }: Scene): number {
  return devices.reduce((sum, device) => sum + device.stats().acknowledged, 0);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../fault.js';

// SIGKILL of the proxy at a random moment, and a new start at once. One of four is killed again on its start, at
// whatever it is doing by then.

export const kill: Fault = {
  name: 'kill',
  about: 'SIGKILL of the proxy, started again at once',
  async inject(scene, random) {
    await scene.killProxy();
    return async () => {
      if (random.chance(1 / 4)) await startAndKill(scene, random.below(600));
      const at = performance.now();
      await scene.startProxy();
      return at;
    };
  },
};

type Killed = Parameters<Fault['inject']>[0];

async function startAndKill(scene: Killed, afterMs: number): Promise<void> {
  let pid = 0;
  const before = scene.start;
  scene.start = {
    ...before,
    onSpawn(spawned) {
      pid = spawned;
    },
  };
  const starting = scene.startProxy().catch(() => null);
  scene.start = before;
  await sleep(afterMs);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
  const proxy = await starting;
  if (proxy === null) return;
  scene.expectEnd(proxy);
  await scene.killProxy();
}

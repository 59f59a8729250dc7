import { setTimeout as sleep } from 'node:timers/promises';
import { untilItAnswers } from '../../kafka/broker.js';
import type { Random } from '../../random.js';
import { type Fault, healed } from '../fault.js';
import type { Scene } from '../scene.js';

// Kafka stopped in order, killed, frozen and restarted. One broker is taken at random: of three, two live on.
// The end of the fault is the moment at which the broker answers again, before its coordinators have loaded. In a cluster
// flow must be back before: what that took is measured from the moment at which the broker went, as `…: others go on`.

const awayMs = (random: Random) => 200 + random.below(5_000);

function gone(name: string, about: string, end: 'stop' | 'kill', isShort = false): Fault {
  return {
    name,
    about,
    async inject(scene, random) {
      const at = random.below(scene.brokers.length);
      const broker = scene.brokers[at]!;
      const goneMs = performance.now();
      if (end === 'stop') await broker.stop();
      else await broker.kill('SIGKILL');
      if (!isShort) await sleep(awayMs(random));
      if (!isShort && scene.brokers.length > 2) await scene.flows(`${name}: others go on`, goneMs);
      return () => restart(scene, at);
    },
  };
}

async function restart(scene: Scene, at: number): Promise<number> {
  scene.brokers[at] = await scene.brokers[at]!.restart();
  return healed();
}

export const stopped = gone('broker-stop', 'a broker ends in order, back after 0.2 to 5 s', 'stop');
export const killed = gone('broker-kill', 'SIGKILL of a broker, back after 0.2 to 5 s', 'kill');
export const restarted = gone('broker-restart', 'a broker is restarted at once', 'stop', true);

export const frozen: Fault = {
  name: 'broker-freeze',
  about: 'SIGSTOP of a broker, SIGCONT after 0.2 to 5 s, sometimes after 17 s',
  async inject(scene, random) {
    const broker = random.pick(scene.brokers);
    await broker.kill('SIGSTOP');
    await sleep(random.chance(1 / 8) ? 17_000 : awayMs(random));
    return async () => {
      await broker.kill('SIGCONT');
      await untilItAnswers(broker.bootstrap);
      return healed();
    };
  },
};

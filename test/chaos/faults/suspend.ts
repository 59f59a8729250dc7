import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, healed } from '../fault.js';

// SIGSTOP of the proxy, SIGCONT later. One of eight lasts longer than Kafka keeps a transaction open (15 s).

export const suspend: Fault = {
  name: 'suspend',
  about: 'SIGSTOP of the proxy, SIGCONT after 0.1 to 6 s, sometimes after 17 s',
  async inject(scene, random) {
    const proxy = scene.running;
    proxy.signal('SIGSTOP');
    await sleep(random.chance(1 / 8) ? 17_000 : 100 + random.below(6_000));
    return async () => {
      proxy.signal('SIGCONT');
      return healed();
    };
  },
};

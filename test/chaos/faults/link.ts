import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../random.js';
import type { Carriage } from '../../site/relay.js';
import { type Fault, healed } from '../fault.js';

// The link between the devices and the proxy: connections reset, bytes missing on the way, late, or held back
// while the connections stay open.

function badLink(name: string, about: string, carriage: (random: Random) => Carriage): Fault {
  return {
    name,
    about,
    async inject({ relay }, random) {
      relay.carry(carriage(random));
      await sleep(200 + random.below(4_000));
      return async () => {
        relay.carry({ kind: 'well' });
        return healed();
      };
    },
  };
}

export const reset: Fault = {
  name: 'link-reset',
  about: 'every connection is reset, none is taken for 0.1 to 3 s',
  async inject({ relay }, random) {
    relay.pull();
    await sleep(100 + random.below(3_000));
    return async () => {
      relay.plug();
      return healed();
    };
  },
};

export const drop = badLink(
  'link-drop',
  'bytes are missing on the way, in a part of what comes or in all of it',
  (random) => {
    const share = random.pick([0.02, 0.2, 1]);
    return {
      kind: 'lossy',
      cut(chunk) {
        if (!random.chance(share)) return chunk;
        const from = random.below(chunk.length);
        const to = from + 1 + random.below(chunk.length - from);
        return Buffer.concat([chunk.subarray(0, from), chunk.subarray(to)]);
      },
    };
  },
);

export const delay = badLink('link-delay', 'everything is up to 1.5 s late', (random) => {
  const delayMs = 50 + random.below(1_450);
  return { kind: 'late', delayMs: () => random.below(delayMs) };
});

export const hole = badLink(
  'link-hole',
  'nothing passes, connections stay open; what was held comes at the end',
  () => ({ kind: 'hole' }),
);

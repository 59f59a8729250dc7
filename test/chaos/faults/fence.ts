import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { openDetour } from '../../kafka/detour.js';
import { until } from '../../site/until.js';
import { type Fault, healed } from '../fault.js';

// The owner of a lane is stopped in the middle of a transaction, a second proxy of the site takes over on an exact
// copy of its journal, and the owner goes on. It must be fenced, and end with one line and exit code 1.
//
//     owner   … Produce ─┤ SIGSTOP            SIGCONT ├─ EndTxn ✗ exit 1        or: EndTxn on its way ─┤ … arrives late ✗
//     second              copies, fences, reads, flows ──────────────────────────▶

let takeovers = 0;

export const fence: Fault = {
  name: 'fence',
  about: 'the owner of the lane is stopped before EndTxn, a second takes over, the owner goes on',
  async inject(scene, random) {
    const [broker] = scene.brokers;
    if (broker === undefined || scene.brokers.length > 1) throw new Error('fence: one broker only');
    const detour = await openDetour(broker.detour);
    await scene.killProxy();
    const owner = await scene.startProxy([
      '--set',
      `kafka.brokers=127.0.0.1:${broker.detour.from}`,
    ]);
    await until(async () => ((await owner.metric('headwater_lane_records_total')) ?? 0) > 0);
    // Before the answer to Produce, or with EndTxn on its way.
    const request = random.pick(['produce', 'endTxn'] as const);
    const { held, release } = detour.hold(request);
    await held;
    owner.signal('SIGSTOP');
    // An EndTxn that arrived before the takeover is a commit in order: an owner with nothing more to send notices nothing.
    const isLate = request === 'endTxn' || random.chance(1 / 2);
    if (!isLate) release();
    // What the devices say now reaches nobody: nothing is acknowledged that the copy lacks.
    scene.relay.pull();
    const copy = join(scene.folder, `journal-${++takeovers}`);
    await cp(scene.journal, copy, { recursive: true, filter: (path) => !path.includes('/lock.') });
    scene.expectEnd(owner);
    scene.journal = copy;
    const second = await scene.startProxy();
    scene.relay.plug();
    await until(async () => ((await second.metric('headwater_lane_records_total')) ?? 0) > 0);
    return async () => {
      const at = healed();
      owner.signal('SIGCONT');
      if (isLate) release();
      const code = await owner.end();
      const said = owner.said().join(' | ');
      if (code !== 1 || !said.includes('was taken over by')) {
        scene.amiss.push(`the fenced proxy ended with exit code ${code}: ${said}`);
      }
      await detour.close();
      return at;
    };
  },
};

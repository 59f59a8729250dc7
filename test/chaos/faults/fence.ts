import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { positionTopicOf } from '../../../proxy/kafka/position-topic.js';
import type { Broker } from '../../kafka/broker.js';
import { type Detour, openDetour } from '../../kafka/detour.js';
import { consume } from '../../kafka/read-back.js';
import type { Random } from '../../random.js';
import type { ProxyProcess } from '../../site/proxy-process.js';
import { openRelay } from '../../site/relay.js';
import { until } from '../../site/until.js';
import { copyJournal } from '../copy.js';
import { type Fault, healed } from '../fault.js';
import type { Scene } from '../scene.js';

// The owner of a lane is stopped within a transaction, a second proxy of the site takes over on an exact copy of its
// journal, and the owner goes on, with more to send. It must be fenced, and end with one line and exit code 1.
//
//     owner    backlog … Produce ─┤ SIGSTOP                 SIGCONT ├─ EndTxn ✗ exit 1
//     second   waits for its way to Kafka ─┤ fences, claims, reads, flows ──────────▶
//
// Two things would hide that nobody is fenced, and so everything that takes time is done before the owner is stopped:
// behind its request's time-out (5 s) the owner does not send the EndTxn but looks whose the lane is, and while
// its transaction is open the second waits for it, until Kafka has aborted it (15 s). The owner therefore goes on as
// soon as the second's claim is there, whether that flows by then or not.

let takeovers = 0;

/** What is in flight when the owner is stopped. */
const moments = [
  // Carried out, its answer unread: EndTxn comes when the owner goes on.
  'produced',
  // On its way: it arrives behind the takeover, and EndTxn behind it.
  'produce is late',
  // On its way: it arrives behind the takeover.
  'end is late',
] as const;

export const fence: Fault = {
  name: 'fence',
  about: 'the owner of the lane is stopped before EndTxn, a second takes over, the owner goes on',
  brokersMax: 1,
  async inject(scene, random) {
    const broker = scene.brokers[0]!;
    const owner = await withBacklog(scene, broker);
    const copy = join(scene.folder, `journal-${++takeovers}`);
    await copyOf(scene, owner, copy);
    const way = await openRelay(() => Number(broker.bootstrap.split(':')[1]));
    way.pull();
    // Where the second begins each time that it looks for Kafka, for as long as it lives.
    scene.atEnd(() => way.close());
    const second = await scene.startOther(copy, ['--set', `kafka.brokers=127.0.0.1:${way.port}`]);
    const moment = random.pick(moments);
    scene.note(`fence: ${moment}`);
    // The reader's first answer takes as long as a Java's start.
    await hasClaimed(scene, second);
    const detour = await openDetour(broker.detour);
    const release = await stopAt(moment, owner, detour, random);
    way.plug();
    await untilItClaims(scene, second);
    return async () => {
      owner.signal('SIGCONT');
      release();
      scene.proxy = second;
      scene.journal = copy;
      scene.relay.plug();
      scene.afterwards(async () => {
        const hung = setTimeout(() => void owner.kill(), endsMs);
        const code = await owner.end();
        clearTimeout(hung);
        const said = owner.said().join(' | ');
        // A lane of it that had not begun yet sees where the other one's is.
        const isLate = scene.lanes > 1 && said.includes('names a record at');
        if (code !== 1 || !(said.includes('was taken over by') || isLate)) {
          scene.amiss.push(`the owner (stopped: ${moment}) ended with exit code ${code}: ${said}`);
        }
        await detour.close();
      });
      return healed();
    };
  },
};

/** Its journal has what Kafka lacks, in many small transactions, and no more comes. */
async function withBacklog(scene: Scene, broker: Broker): Promise<ProxyProcess> {
  await scene.killProxy();
  const owner = await scene.startProxy([
    ...['--set', `kafka.brokers=127.0.0.1:${broker.detour.from}`],
    ...['--set', 'kafka.recordsMax=10'],
  ]);
  const count = async (what: string) => (await owner.metric(`headwater_events_${what}_total`)) ?? 0;
  await until(async () => (await count('received')) - (await count('committed')) > 300);
  scene.relay.pull();
  scene.expectEnd(owner);
  return owner;
}

async function copyOf(scene: Scene, owner: ProxyProcess, copy: string): Promise<void> {
  // What the devices sent last is in the journal, and all of it synced.
  await sleep(200);
  owner.signal('SIGSTOP');
  await copyJournal(scene.journal, copy);
  owner.signal('SIGCONT');
}

/** Answers what lets the request go on that was held, if it is. */
async function stopAt(
  moment: (typeof moments)[number],
  owner: ProxyProcess,
  detour: Detour,
  random: Random,
): Promise<() => void> {
  // The first is the claim's.
  const skip = 1 + random.below(3);
  const { held, release } = detour.hold(moment === 'end is late' ? 'endTxn' : 'produce', skip);
  await held;
  owner.signal('SIGSTOP');
  if (moment !== 'produced') return release;
  release();
  return () => {};
}

/** And flows, where nothing hinders it. */
async function untilItClaims(scene: Scene, second: ProxyProcess): Promise<void> {
  await until(() => hasClaimed(scene, second));
  const limit = sleep(flowsMs);
  const flows = until(
    async () => ((await second.metric('headwater_lane_records_total')) ?? 0) > 0,
  ).catch(() => {});
  await Promise.race([limit, flows]);
}

async function hasClaimed({ bootstrap, name }: Scene, { pid }: ProxyProcess): Promise<boolean> {
  const topics = [positionTopicOf(name)];
  const found = await consume({ bootstrap, topics, isolation: 'read_uncommitted' });
  return found.some(({ key, value }) => {
    return String(key).startsWith('claim/') && String(value).includes(`${hostname()}:${pid}`);
  });
}

/** Longer than a sound second needs, and so short that the owner's own request has not timed out. */
const flowsMs = 700;
/** Only ends a hang: an owner that was refused nothing idles on. */
const endsMs = 30_000;

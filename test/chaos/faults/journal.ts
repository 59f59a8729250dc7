import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Ended, runHeadwater } from '../../site/proxy-process.js';
import { until } from '../../site/until.js';
import { copyJournal } from '../copy.js';
import { type Fault, healed } from '../fault.js';
import type { Scene } from '../scene.js';

// Journals that are not what Kafka's position speaks of, and a Kafka that is not what the journal speaks of: each
// row of KAFKA.md [K-22] gives its answer, and the rightful proxy goes on.

/** How long a start waits for Kafka's word on its journal before it listens. */
const firstWordMs = 3_000;

/** A start that must be refused: exit code 1, one line for each lane, and before it listened unless Kafka was slow to answer. */
async function refused(scene: Scene, journal: string, expected: RegExp): Promise<void> {
  const words = ['proxy', '--config', scene.config, '--json', '--set', `journal.folder=${journal}`];
  const beganMs = performance.now();
  const ended = await runHeadwater(words);
  const isSlow = performance.now() - beganMs > firstWordMs;
  const errors = linesOf(ended).filter(({ level }) => level === 'error');
  const text = errors.map(({ msg }) => `${msg}`).join(' | ');
  const isSaid = errors.length > 0 && errors.every(({ msg }) => expected.test(`${msg}`));
  const hasListened = ended.output.includes('"listening"');
  const isRefused = ended.code === 1 && isSaid && errors.length <= scene.lanes;
  if (isRefused && (isSlow || !hasListened)) return;
  scene.amiss.push(`on ${journal} a start was not refused (exit code ${ended.code}): ${text}`);
}

function linesOf({ output }: Ended): Record<string, unknown>[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

export const wiped: Fault = {
  name: 'journal-wiped',
  about: 'the proxy is killed and its journal is gone: a new one is refused, then it is put back',
  async inject(scene) {
    await scene.killProxy();
    const aside = `${scene.journal}-aside`;
    await rename(scene.journal, aside);
    await refused(scene, scene.journal, /position of lane \d is of journal/);
    return async () => {
      await rm(scene.journal, { recursive: true, force: true });
      await rename(aside, scene.journal);
      const at = healed();
      await scene.startProxy();
      return at;
    };
  },
};

export const older: Fault = {
  name: 'journal-older',
  about: 'an older copy is put in the place of the journal: refused, then the newest is put back',
  async inject(scene, random) {
    const older = `${scene.journal}-older`;
    scene.running.signal('SIGSTOP');
    await copyJournal(scene.journal, older);
    scene.running.signal('SIGCONT');
    await grown(scene);
    await sleep(random.below(1_000));
    await scene.killProxy();
    await refused(scene, older, /it is a copy, or an older one put back/);
    return async () => {
      await rm(older, { recursive: true });
      const at = healed();
      await scene.startProxy();
      return at;
    };
  },
};

export const cloned: Fault = {
  name: 'journal-cloned',
  about: 'a second proxy on a copy of the journal, from which its owner went on: refused',
  async inject(scene) {
    const clone = join(scene.folder, 'journal-clone');
    const owner = scene.running;
    owner.signal('SIGSTOP');
    await copyJournal(scene.journal, clone);
    owner.signal('SIGCONT');
    await grown(scene);
    await refused(scene, clone, /it is a copy, or an older one put back/);
    return async () => {
      await rm(clone, { recursive: true });
      return healed();
    };
  },
};

/** Kafka's position has moved, past what a copy that was made before holds. */
async function grown(scene: Scene): Promise<void> {
  const { running } = scene;
  const records = async () => (await running.metric('headwater_lane_records_total')) ?? 0;
  const before = await records();
  await until(async () => (await records()) > before + 40);
}

export const blank: Fault = {
  name: 'kafka-blank',
  about: 'a blank Kafka in the place of the old one: the proxy goes on from its journal',
  brokersMax: 1,
  async inject(scene) {
    const at = 0;
    const broker = scene.brokers[at]!;
    // What the old one has is counted before; the link is away so that this is all of it.
    await scene.quiet();
    await scene.harvest();
    await broker.kill('SIGKILL');
    scene.relay.plug();
    await rm(join(broker.dataFolder, 'log'), { recursive: true });
    const before = (await scene.running.metric('headwater_lane_events_total', lost)) ?? 0;
    return async () => {
      scene.brokers[at] = await broker.restart();
      await scene.createTopics();
      const end = healed();
      await scene.flow.reopen();
      const { running } = scene;
      await until(
        async () => (await running.metric('headwater_lane_events_total', lost)) !== before,
      );
      return end;
    };
  },
};

const lost = 'what="kafka-lost"';

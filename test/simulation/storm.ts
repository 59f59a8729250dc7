import { positionTopicOf } from '../../proxy/kafka/position-topic.js';
import { outcomes, type SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import type { Random } from '../random.js';
import type { Faults } from './faults.js';
import type { ModelBroker } from './model-broker.js';
import type { ModelNetwork } from './model-network.js';
import type { Scheduler } from './scheduler.js';
import type { SiteDevice } from './site-device.js';
import { type SiteProxy, siteName } from './site-proxy.js';
import type { Trace } from './trace.js';

// One step of the storm: the firmware sends, and with the probabilities of the seed something goes wrong.

export const streams = ['origin', 'other', 'memo'];

/** The site, as far as the storm reaches. */
export interface Stage {
  readonly random: Random;
  readonly faults: Faults;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly broker: ModelBroker;
  readonly network: ModelNetwork;
  readonly devices: readonly SiteDevice[];
  readonly proxy: SiteProxy | null;
  readonly disk: SimulatedDisk;
  /** How often a device sends, for each step. */
  readonly sends: number;
  /** SIGTERM; `fork` for what a kill leaves. */
  stop(fork: Random): void;
  /** The process ended; `disk` says what it leaves. */
  gone(proxy: SiteProxy, disk: () => SimulatedDisk): void;
  /** What is on the disk at this moment is put back when the proxy is gone. */
  copy(): void;
  /** The proxy's wall clock is ahead of the true time by so much from now on. */
  setClock(aheadMs: number): void;
}

export function act(stage: Stage): void {
  const { random, faults, devices, sends } = stage;
  for (const device of devices) {
    if (random.chance(sends)) device.send();
    if (faults.strikes('link', 1 / 60)) device.link.cut();
    if (faults.strikes('link', 1 / 80)) device.link.swallow(random.below(15_000));
    if (faults.strikes('device', 1 / 250)) device.cutPower();
    if (!device.isOn && random.chance(1 / 10)) device.boot();
  }
  actOnProxy(stage);
  actOnDisk(stage);
  actOnKafka(stage);
  actLater(stage);
}

function actOnProxy(stage: Stage): void {
  const { random, faults, proxy, trace, scheduler } = stage;
  const point = 1 + random.below(random.pick([5, 60, 400]));
  const forMs = random.below(random.pick([300, 3_000, 25_000]));
  const outcome = random.pick(outcomes);
  const fork = random.fork();
  if (faults.strikes('kill', 1 / 80)) {
    at(stage, point, () => proxy!.disk.kill(fork), 'is killed');
  }
  if (faults.strikes('power', 1 / 80)) {
    at(stage, point, () => proxy!.disk.cut(outcome, fork), `loses its power: ${outcome}`);
  }
  if (faults.strikes('stop', 1 / 250)) stage.stop(fork);
  const lanes = proxy?.lanes ?? [];
  const lane = lanes[forMs % lanes.length];
  if (faults.strikes('hang', 1 / 200)) lane?.hang(forMs, forMs % 2 === 0);
  if (faults.strikes('hang', 1 / 300) && proxy !== null) {
    trace.say('proxy', `is frozen for ${forMs} ms`);
    proxy.life.freeze();
    scheduler.after(forMs, () => proxy.life.thaw());
  }
}

/** When the process would have gone on so many times more. */
function at(stage: Stage, point: number, disk: () => SimulatedDisk, what: string): void {
  const { proxy } = stage;
  if (proxy === null) return;
  const count = proxy.life.resumed + point;
  proxy.life.onResumed = () => {
    if (proxy.life.resumed < count) return;
    stage.trace.say('proxy', what);
    stage.gone(proxy, disk);
  };
}

function actOnDisk({ random, faults, disk, trace }: Stage): void {
  const calls = 1 + random.below(10);
  const code = random.pick(['EIO', 'EIO', 'ENOSPC']);
  if (faults.strikes('disk', 1 / 80)) {
    let left = calls;
    disk.fault = (call, name) => {
      if (--left !== 0) return null;
      const said = code === 'ENOSPC' && call.startsWith('sync') ? 'EIO' : code;
      trace.say('disk', `${call} of ${name} fails: ${said}`);
      return said;
    };
  }
  if (faults.strikes('full', 1 / 200)) {
    disk.bytesMax = disk.usedBytes + random.below(3_000);
    trace.say('disk', `is full at ${disk.bytesMax}`);
  } else if (random.chance(1 / 30)) disk.bytesMax = Number.POSITIVE_INFINITY;
}

function actOnKafka({ random, faults, network, broker, scheduler, trace }: Stage): void {
  const way = random.pick(['refused', 'silent'] as const);
  const forMs = random.chance(0.2) ? random.below(60_000) : random.below(3_000);
  const topic = `${siteName}.${random.pick([...streams, 'headwater.loss'])}`;
  if (faults.strikes('kafka', 1 / 100) && network.away === null) {
    network.away = way;
    trace.say('kafka', `is away: ${way}`);
    scheduler.after(forMs, () => {
      network.away = null;
      trace.say('kafka', 'is back');
    });
  }
  if (faults.strikes('topics', 1 / 200)) {
    broker.forbidden.add(topic);
    trace.say('kafka', `${topic} is forbidden`);
    scheduler.after(forMs, () => broker.forbidden.delete(topic));
  }
}

function actLater(stage: Stage): void {
  const { faults, trace } = stage;
  const { later } = faults;
  const aheadMs = later.below(8 * 60_000) - 4 * 60_000;
  const forMs = later.below(4_000);
  const commits = later.chance(0.5);
  if (faults.strikes('clock', 1 / 100)) {
    const settles = later.chance(0.3);
    trace.say('proxy', `its clock is set to ${settles ? 0 : aheadMs} ms ahead`);
    stage.setClock(settles ? 0 : aheadMs);
  }
  if (faults.strikes('copy', 1 / 100)) stage.copy();
  if (faults.strikes('stranger', 1 / 30)) openStranger(stage, forMs, commits);
}

/** A transaction on the position's partition, of somebody whom no fence of ours ends. */
function openStranger(
  { faults, broker, scheduler, trace }: Stage,
  forMs: number,
  commits: boolean,
): void {
  const topic = positionTopicOf(siteName);
  if (!broker.topics().includes(topic)) return;
  const id = `stranger-${faults.later.below(2 ** 31)}`;
  const epoch = broker.initProducerId(id, 60_000);
  broker.addPartitions(id, epoch, [[topic, 0]]);
  const written = { timestampMs: broker.nowMs, headers: {} };
  const entry = { key: Buffer.from('stranger'), value: Buffer.from('{}'), ...written };
  broker.produce(id, epoch, { topic, partition: 0, sequence: 0, entries: [entry] });
  trace.say('kafka', `a stranger's transaction is open for ${forMs} ms`);
  scheduler.after(forMs, () => broker.endTxn(id, epoch, commits));
}

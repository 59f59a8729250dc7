import { type Journal, openJournal } from '../../proxy/journal/journal.js';
import type { Accept } from '../../proxy/listeners/channel.js';
import { HaltedError } from '../../proxy/pipeline.js';
import { SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import { StillClock } from '../proxy/journal/still-clock.js';
import { Random } from '../random.js';
import { type FaultKind, Faults } from './faults.js';
import { ModelBroker } from './model-broker.js';
import { ModelNetwork, soundNetwork } from './model-network.js';
import type { Producer, SinkDefects } from './model-sink.js';
import { judge, Violation } from './oracle.js';
import { Scheduler, settled } from './scheduler.js';
import { type DeviceShape, policies, SiteDevice } from './site-device.js';
import { folder, type ProxyShape, SiteProxy, siteName } from './site-proxy.js';
import { act, type Stage, streams } from './storm.js';
import { Trace } from './trace.js';

// A whole site from one seed: devices, links, the proxy on its disk, Kafka. First a storm, in which at every step something goes wrong; then
// all faults end, everything is drained, the proxy is stopped, and the oracle reads what is in Kafka.

export interface SiteOptions {
  seed: number;
  steps: number;
  /** 0: as many as the seed says. */
  devices: number;
  without: ReadonlySet<FaultKind>;
  print: ((line: string) => void) | null;
  /** A client of Kafka that is broken on purpose. */
  defect?: 'fencesNobody' | 'readsToStable' | 'reused' | 'positionApart';
}

export interface SiteResult {
  hash: string;
  /** Tasks of the scheduler: each a moment at which something happened. */
  tasks: number;
  events: number;
  lost: number;
  kills: number;
}

/** Ahead of the scheduler's 0: 2025-11-24. */
const wallMs = 1_764_000_000_000;
const drainMaxMs = 30 * 60_000;

export async function runSite(options: SiteOptions): Promise<SiteResult> {
  return new Site(options).run();
}

class Site implements Stage {
  readonly #options: SiteOptions;
  readonly random: Random;
  readonly scheduler = new Scheduler();
  readonly trace: Trace;
  readonly broker: ModelBroker;
  readonly network: ModelNetwork;
  readonly devices: SiteDevice[];
  readonly #shape: Omit<ProxyShape, 'lanes'>;
  #lanes = 1;
  readonly #defects: () => SinkDefects;
  readonly faults: Faults;
  /** The proxy's wall clock was ahead of the true time by as much, at least and at most. */
  readonly #ahead = { nowMs: 0, leastMs: 0, mostMs: 0 };
  readonly sends: number;
  disk: SimulatedDisk;
  proxy: SiteProxy | null = null;
  /** Of the disk, to be put back once Kafka has what lies behind its end: one that is drained first has grown, and refuses the journal. */
  #copy: { disk: SimulatedDisk; end: number } | null = null;
  #isCopyWanted = false;
  #isStopping = false;
  /** Where the links lead; null: nobody listens. */
  #accept: Accept | null = null;
  #kills = 0;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    const scheduler = this.scheduler;
    this.trace = new Trace(() => scheduler.nowMs, options.print);
    const random = this.random;
    this.broker = new ModelBroker(scheduler, wallMs);
    const dice = random.fork();
    this.broker.markerDelayMs = () => (dice.chance(0.1) ? dice.below(300) : dice.next() * 3);
    this.network = new ModelNetwork(scheduler, random.fork());
    this.network.onRequest = (step, what) => this.trace.say('kafka', `${step} ${what}`);
    this.disk = new SimulatedDisk(random.fork());
    this.#shape = {
      bytesMax: random.pick([24_000, 60_000, 200_000]),
      segmentBytes: random.pick([1_500, 4_000, 12_000]),
      recordsMax: random.pick([3, 20, 1_000]),
    };
    this.faults = new Faults(random, options.seed, options.without);
    this.sends = random.pick([0.2, 0.5, 0.9]);
    const reused: Producer = { epoch: null, sequences: new Map() };
    const { defect } = options;
    this.#defects = () =>
      defect === undefined ? {} : defect === 'reused' ? { reused } : { [defect]: true };
    const drawn = 1 + random.below(4);
    const forks = Array.from({ length: 4 }, () => random.fork());
    this.devices = forks
      .slice(0, options.devices || drawn)
      .map((fork, index) => this.#device(`mote-${index + 1}`, fork));
  }

  async run(): Promise<SiteResult> {
    this.broker.createTopic(`${siteName}.headwater.loss`, 1);
    for (const stream of streams) {
      const isMissing = this.faults.has('topics') && this.random.chance(0.1);
      if (!isMissing) this.#makeTopic(stream);
      else this.scheduler.after(this.random.below(40_000), () => this.#makeTopic(stream));
    }
    if (this.faults.has('requests') && this.random.chance(0.7)) {
      const most = this.random.pick([0.002, 0.01, 0.05]);
      this.network.faults = {
        ...{ lostRequests: most, lostAnswers: most, late: 2 * most },
        lateMs: this.random.pick([300, 3_000, 20_000]),
      };
    }
    this.#start();
    for (const device of this.devices) device.boot();
    for (let step = 0; step < this.#options.steps; step++) {
      await this.#advance(this.#stepMs());
      act(this);
      if (this.#isCopyWanted) await this.#takeCopy();
      this.#look();
      if (this.random.chance(1 / 50)) await this.#checkPlatter();
    }
    await this.#calm();
    return this.#end();
  }

  #device(name: string, random: Random): SiteDevice {
    const shape: DeviceShape = {
      store: random.pick(['ram', 'ram', 'flash']),
      wire: random.pick(['connection', 'connection', 'line', 'datagrams']),
      sectors: random.pick([4, 8, 40]),
      hasAnchors: random.chance(0.5),
      policy: this.faults.later.pick(policies),
    };
    if (!this.faults.has('policy')) shape.policy = 'oldest';
    const device = new SiteDevice(name, shape, {
      ...{ random, scheduler: this.scheduler, trace: this.trace },
      accept: (channel) => this.#meet(channel),
    });
    device.link.healed = !this.faults.has('link');
    return device;
  }

  /** Where nobody listens a connection ends at once, and a line says nothing. */
  #meet: Accept = (channel) => {
    const accept = this.#accept;
    if (accept !== null) return accept(channel);
    this.scheduler.after(1, () => channel.close());
    return { received: () => {}, closed: () => {} };
  };

  #makeTopic(stream: string): void {
    this.broker.createTopic(`${siteName}.${stream}`, 2);
  }

  #stepMs(): number {
    const random = this.random;
    return random.chance(1 / 60) ? random.below(8_000) : random.below(150);
  }

  async #advance(ms: number): Promise<void> {
    const untilMs = this.scheduler.nowMs + ms;
    while (await this.scheduler.step(untilMs)) this.#watch();
  }

  /** What the site's people do: a process that ended is started again. */
  #watch(): void {
    const proxy = this.proxy;
    if (proxy === null || proxy.ended === null) return;
    if (proxy.ended !== 'refused by the disk') throw proxy.failure;
    this.gone(proxy, () => proxy.disk.kill(this.random.fork()));
  }

  #start(): void {
    const { latest } = this.faults;
    if (latest.chance(0.5)) this.#lanes = this.faults.has('lanes') ? latest.pick([1, 2, 3]) : 1;
    const open = (accept: Accept | null) => this.#open(accept);
    this.proxy = this.#proxyOn(this.disk, this.random.fork(), open);
  }

  #proxyOn(disk: SimulatedDisk, random: Random, open: (accept: Accept | null) => void): SiteProxy {
    return new SiteProxy({
      ...{ scheduler: this.scheduler, random, trace: this.trace },
      ...{ broker: this.broker, network: this.network, disk },
      shape: { ...this.#shape, lanes: this.#lanes },
      wallMs: () => wallMs + this.scheduler.nowMs + this.#ahead.nowMs,
      defects: this.#defects,
      listens: open,
      closes: () => open(null),
    });
  }

  /** It is taken away before the journal itself is back. Until Kafka's word comes it waits, then it is refused. */
  #tryCopy(disk: SimulatedDisk, forMs: number): void {
    disk.bytesMax = Number.POSITIVE_INFINITY;
    this.trace.say('proxy', `an older copy of the journal is put back for ${forMs} ms`);
    const proxy = this.#proxyOn(disk, this.faults.later.fork(), () => {});
    this.scheduler.after(forMs, () => {
      proxy.kill();
      const isRefused = proxy.ended === 'halted' || proxy.failure instanceof HaltedError;
      this.trace.say('proxy', isRefused ? 'the copy was refused' : 'the copy is taken away');
      if (proxy.ended !== null && !isRefused) throw proxy.failure;
      if (proxy.lanes.some(({ commits }) => commits > 0))
        throw new Violation('an older copy of the journal committed');
    });
  }

  #open(accept: Accept | null): void {
    this.#accept = accept;
    for (const { link } of this.devices) link.restartProxy(this.#meet);
  }

  gone(proxy: SiteProxy, disk: () => SimulatedDisk): void {
    if (proxy !== this.proxy) return;
    proxy.kill();
    this.proxy = null;
    this.#isStopping = false;
    this.#kills++;
    this.disk = disk();
    this.disk.bytesMax = Number.POSITIVE_INFINITY;
    this.#open(null);
    let waitMs = this.random.chance(0.8) ? this.random.below(300) : this.random.below(8_000);
    const copy = this.#copy;
    if (copy !== null && copy.end < proxy.confirmedEnd && this.faults.has('copy')) {
      this.#copy = null;
      const forMs = this.faults.later.below(6_000);
      this.#tryCopy(copy.disk, forMs);
      waitMs += forMs + 1;
    }
    this.scheduler.after(waitMs, () => this.#start());
  }

  stop(fork: Random): void {
    const { proxy } = this;
    if (!proxy?.pipeline || this.#isStopping) return;
    this.#isStopping = true;
    this.trace.say('proxy', 'is told to stop');
    void proxy.stop().then(({ balanced }) => {
      this.trace.say('proxy', `stopped, the books balance: ${balanced}`);
      this.gone(proxy, () => proxy.disk.kill(fork));
    });
  }

  copy(): void {
    this.#isCopyWanted = true;
  }

  async #takeCopy(): Promise<void> {
    this.#isCopyWanted = false;
    const disk = this.disk.cut('nothing', this.faults.later.fork());
    const journal = await this.#openJournal(disk.cut('nothing', this.faults.later.fork()));
    this.#copy = { disk, end: journal.syncedEnd };
  }

  /** On a disk that nobody needs any more. */
  async #openJournal(disk: SimulatedDisk): Promise<Journal> {
    disk.bytesMax = Number.POSITIVE_INFINITY;
    const { bytesMax, segmentBytes } = this.#shape;
    const clock = new StillClock(new Random(this.#options.seed));
    return openJournal({ folder, disk: disk.disk, clock, bytesMax, segmentBytes });
  }

  setClock(aheadMs: number): void {
    const ahead = this.#ahead;
    ahead.nowMs = aheadMs;
    ahead.leastMs = Math.min(ahead.leastMs, aheadMs);
    ahead.mostMs = Math.max(ahead.mostMs, aheadMs);
  }

  #look(): void {
    for (const device of this.devices) device.look();
  }

  /** What a device may forget is there after a power cut at this very moment. */
  async #checkPlatter(): Promise<void> {
    const random = new Random(this.#options.seed);
    const journal = await this.#openJournal(this.disk.cut('nothing', random));
    for (const { name, run, isOn } of this.devices) {
      const { boot, acknowledged } = run.sdk.stats();
      if (!isOn || boot === null || acknowledged === 0) continue;
      const durable = journal.places(name)?.get(boot)?.durable ?? 0;
      if (durable < acknowledged) {
        const where = `${name}, boot ${boot}`;
        throw new Violation(`${where}: acknowledged ${acknowledged}, on the disk ${durable}`);
      }
    }
    await settled();
  }

  /** All faults end, and everything gets where it should. */
  async #calm(): Promise<void> {
    this.faults.isHealed = true;
    this.trace.say('site', 'all faults end');
    this.network.faults = soundNetwork;
    this.network.away = null;
    this.broker.forbidden.clear();
    for (const stream of streams) this.#makeTopic(stream);
    this.disk.fault = null;
    this.disk.bytesMax = Number.POSITIVE_INFINITY;
    if (this.proxy !== null) this.proxy.life.onResumed = () => {};
    const untilMs = this.scheduler.nowMs + drainMaxMs;
    let flushed = 0;
    for (const device of this.devices) {
      device.heal();
      if (!device.isOn) device.boot();
      let isDone = false;
      device.run.sdk.flush((all) => {
        if (all && !isDone) flushed++;
        isDone ||= all;
      }, 2 ** 30);
    }
    while (flushed < this.devices.length) {
      if (this.scheduler.nowMs > untilMs) throw new Violation('the devices were never drained');
      await this.#advance(100);
      this.#look();
    }
    for (;;) {
      if (this.scheduler.nowMs > untilMs) throw new Violation('the proxy never got up');
      if (this.proxy?.pipeline != null && !this.#isStopping) break;
      await this.#advance(100);
    }
  }

  async #end(): Promise<SiteResult> {
    const untilMs = this.scheduler.nowMs + drainMaxMs;
    // Kafka's time-outs and the lanes' waits are over by then.
    await this.#advance(60_000);
    while (!this.proxy?.lanes.every(({ state }) => state === 'flowing')) {
      if (this.scheduler.nowMs > untilMs) throw new Violation('the lane never flowed');
      await this.#advance(100);
    }
    const ending = { balance: null as Awaited<ReturnType<SiteProxy['stop']>> | null };
    void this.proxy!.stop().then((balance) => {
      ending.balance = balance;
    });
    while (ending.balance === null) {
      if (this.scheduler.nowMs > untilMs) throw new Violation('the proxy never stopped');
      await this.#advance(100);
    }
    await this.#advance(1_000);
    const verdict = judge({
      devices: this.devices,
      broker: this.broker,
      balance: ending.balance,
      clock: {
        leastMs: wallMs + this.#ahead.leastMs,
        mostMs: wallMs + this.#ahead.mostMs,
      },
      site: siteName,
    });
    this.trace.say('oracle', JSON.stringify(verdict));
    return {
      ...verdict,
      hash: this.trace.hash,
      tasks: this.scheduler.ran,
      kills: this.#kills,
    };
  }
}

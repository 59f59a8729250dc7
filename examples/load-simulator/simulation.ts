// A run from its first boot to its verdict: devices send under disturbances; then these stop, everything drains, the reader settles, and it
// is judged. Every wait ends when nothing moves for `patienceMs`, and says what it waited for.

import { setTimeout as sleep } from 'node:timers/promises';
import { sdkFactory } from 'headwater/instance';
import { Disturber, type Span } from './disturbances.js';
import { Fleet } from './fleet.js';
import { Ledger } from './ledger.js';
import { type Latency, latency, Meter, type ProcessUse, type Second, useOf } from './meter.js';
import { Pacer } from './pacer.js';
import { Proof } from './proof/proof.js';
import { Scheduler } from './scheduler.js';
import type { Settings } from './settings.js';
import { TroubleWatch } from './trouble.js';
import { judge, type Verdict } from './verdict.js';
import { count } from './words.js';

export type Ending = 'duration' | 'events' | 'trace' | 'interrupted' | 'stalled';
export type Phase = 'sending' | 'draining' | 'proving';

export interface Outcome {
  endedBy: Ending;
  beganAt: Date;
  /** From when all devices were made until the last event was sent; and in all. */
  sendingMs: number;
  wholeMs: number;
  verdict: Verdict;
  /** Null: nothing was proven, and why. */
  proven: { reader: 'read_committed' } | null;
  /** What was waited for in vain. */
  unfinished: string[];
  seconds: Second[];
  disturbances: Span[];
  troubles: Span[];
  ack: Latency | null;
  kafka: Latency | null;
  clockError: Latency | null;
  connectFailures: Record<string, number>;
  bottleneck: { seconds: number; of: number; busiest: number };
  simulator: { cpuMs: number; bytesPerDevice: number; cpuMicrosPerEvent: number };
  proxy: { before: ProcessUse; after: ProcessUse } | null;
}

export interface Watcher {
  say(text: string): void;
  second(second: Second, phase: Phase, simulation: Simulation): void;
}

const lookMs = 50;

export class Simulation {
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly #watcher: Watcher;
  readonly #scheduler = new Scheduler();
  readonly #unfinished: string[] = [];
  #fleet: Fleet | null = null;
  #proof: Proof | null = null;
  #phase: Phase = 'sending';
  #isInterrupted = false;
  /** A second interruption: no wait goes on. */
  #isImpatient = false;
  readonly #giveUp = new AbortController();
  #stopSending: (why: Ending) => void = () => {};
  #waitedFor = '';
  /** When all devices were made. */
  #sendingFromMs = 0;

  constructor(settings: Settings, watcher: Watcher) {
    this.settings = settings;
    this.#watcher = watcher;
    this.ledger = new Ledger({ mayRepeat: settings.mayRepeat });
  }

  /** What the present wait is for. */
  get waitedFor(): string {
    return this.#waitedFor;
  }

  /** Once: sends no more, drains, proves. Twice: ends with what is there. */
  interrupt(): void {
    if (this.#isInterrupted) this.#isImpatient = true;
    this.#isInterrupted = true;
    // Before the first event there is nothing to wait for.
    if (this.#isImpatient || this.#fleet === null) this.#giveUp.abort();
    this.#stopSending('interrupted');
  }

  async run(): Promise<Outcome> {
    const { settings, ledger } = this;
    const { proof: order, namePrefix } = settings;
    if (order !== null) {
      this.#proof = await Proof.open({ ...order, namePrefix }, ledger, this.#giveUp.signal);
      const { created } = this.#proof;
      if (created.length > 0) this.#watcher.say(`made ${created.join(', ')}`);
    }
    try {
      return await this.#run();
    } finally {
      this.#scheduler.stop();
      this.#fleet?.close();
      this.#proof?.close();
    }
  }

  async #run(): Promise<Outcome> {
    const { settings, ledger } = this;
    const memoryBefore = process.memoryUsage.rss();
    const cpuBefore = process.cpuUsage();
    const proxyBefore = await useOf(settings.proxyPid);
    const instantiate = await sdkFactory();
    const fleet = new Fleet({ settings, ledger, scheduler: this.#scheduler, instantiate });
    this.#fleet = fleet;
    const beganMs = performance.now();
    const beganAt = new Date();
    const meter = new Meter({
      ...{ ledger, scheduler: this.#scheduler, beganMs, proxyPid: settings.proxyPid },
      connected: () => fleet.connected,
    });
    const watch = new TroubleWatch((text) => this.#watcher.say(text), this.#proof !== null);
    const disturber = new Disturber({
      ...{ devices: fleet.devices, scheduler: this.#scheduler, beganMs, seed: settings.seed },
    });
    const ticker = setInterval(() => this.#tick(fleet, meter, watch, disturber), 1_000);
    try {
      const endedBy = await this.#send(fleet, disturber);
      const endedMs = performance.now();
      const sendingMs = endedMs - this.#sendingFromMs;
      const memoryAfter = process.memoryUsage.rss();
      disturber.end();
      await this.#drain(fleet);
      await this.#prove(fleet);
      clearInterval(ticker);
      await this.#tick(fleet, meter, watch, disturber);
      const wholeMs = performance.now() - beganMs;
      watch.end(wholeMs);
      const verdict = judge(ledger);
      if (this.#proof === null) withoutProof(verdict, ledger);
      const cpu = process.cpuUsage(cpuBefore);
      const proxyAfter = await useOf(settings.proxyPid);
      return {
        ...{ endedBy, beganAt, sendingMs, wholeMs, verdict },
        proven: this.#proof === null ? null : { reader: 'read_committed' },
        unfinished: this.#unfinished,
        ...{ seconds: meter.seconds, disturbances: disturber.spans, troubles: watch.spans },
        ...{ ack: latency(meter.ackTimes), kafka: latency(meter.kafkaTimes) },
        clockError: latency(ledger.clockErrors),
        connectFailures: fleet.troubles,
        bottleneck: meter.bottleneck(this.#sendingFromMs - beganMs, endedMs - beganMs),
        simulator: {
          cpuMs: (cpu.user + cpu.system) / 1000,
          bytesPerDevice: Math.max(0, memoryAfter - memoryBefore) / settings.devices,
          cpuMicrosPerEvent: (cpu.user + cpu.system) / Math.max(1, verdict.accepted),
        },
        proxy:
          proxyBefore === null || proxyAfter === null
            ? null
            : { before: proxyBefore, after: proxyAfter },
      };
    } finally {
      clearInterval(ticker);
    }
  }

  async #send(fleet: Fleet, disturber: Disturber): Promise<Ending> {
    const ended = new Promise<Ending>((resolve) => {
      this.#stopSending = resolve;
    });
    if (this.#isInterrupted) this.#stopSending('interrupted');
    await fleet.boot(() => this.#isInterrupted);
    this.#sendingFromMs = performance.now();
    const pacer = new Pacer({
      ...{ settings: this.settings, devices: fleet.devices, scheduler: this.#scheduler },
      untilMs: this.#sendingFromMs + this.settings.durationMs,
      onOver: (why) => this.#stopSending(why),
    });
    if (this.settings.durationMs < Number.POSITIVE_INFINITY) {
      this.#scheduler.after(this.settings.durationMs, () => this.#stopSending('duration'));
    }
    disturber.begin(this.settings.disturbances);
    pacer.begin();
    const watch = this.settings.rate === 'max' ? this.#watchFlood() : undefined;
    const why = await ended;
    clearInterval(watch);
    pacer.end();
    return why;
  }

  /** Devices that send when they have room send no more where the proxy gives them none. */
  #watchFlood(): NodeJS.Timeout {
    const { totals } = this.ledger;
    const { patienceMs } = this.settings;
    let [last, lastMs] = [-1, 0];
    return setInterval(() => {
      const moved = totals.accepted + totals.acknowledged;
      if (moved !== last) [last, lastMs] = [moved, performance.now()];
      if (performance.now() - lastMs <= patienceMs) return;
      this.#unfinished.push(`room on the devices: nothing moved for ${patienceMs / 1000} s`);
      this.#stopSending('stalled');
    }, lookMs);
  }

  async #drain(fleet: Fleet): Promise<void> {
    this.#phase = 'draining';
    const { ledger } = this;
    fleet.getRid();
    await this.#until(
      () => ledger.onDevices === 0,
      () => {
        const { connected, devices } = fleet;
        const codes = connected === 0 ? Object.keys(fleet.troubles).join(', ') : '';
        const events = `acknowledgements of ${count(ledger.onDevices)} events`;
        const why = codes === '' ? '' : ` (${codes})`;
        return `${events}; ${count(connected)} of ${count(devices.length)} devices are connected${why}`;
      },
    );
  }

  async #prove({ devices }: Fleet): Promise<void> {
    const proof = this.#proof;
    if (proof === null) return;
    this.#phase = 'proving';
    const { ledger, settings } = this;
    const missing = () => {
      const { accepted, inKafka, reportedLost } = ledger.totals;
      return accepted - inKafka - reportedLost;
    };
    const cut = devices.some(({ pages }) => pages.lives.some(({ isCut }) => isCut));
    const isDrained = this.#unfinished.length === 0;
    const isThere = () =>
      (!isDrained && ledger.inProxy === 0) ||
      proof.failure !== null ||
      missing() <= 0 ||
      (cut && judge(ledger).isSound);
    await this.#until(isThere, () => {
      const why = proof.trouble === null ? '' : ` (the reader: ${proof.trouble})`;
      return `${count(missing())} accepted events in Kafka${why}`;
    });
    // What is there twice comes behind.
    for (let look = 0; look < 2 && !this.#isImpatient; look++) {
      if (look > 0) await sleep(500);
      if (proof.failure !== null || (await proof.settle(settings.patienceMs))) continue;
      this.#unfinished.push('that the reader comes to the end of the topics');
    }
    if (proof.failure !== null) this.#unfinished.push(`the proof: ${proof.failure}`);
  }

  /** Until it is so, or nothing has moved for as long as the patience goes. */
  async #until(isSo: () => boolean, what: () => string): Promise<void> {
    const { totals } = this.ledger;
    const moved = () => `${totals.acknowledged} ${totals.inKafka} ${totals.reportedLost}`;
    let [last, lastMs] = [moved(), performance.now()];
    while (!isSo()) {
      this.#waitedFor = what();
      if (moved() !== last) [last, lastMs] = [moved(), performance.now()];
      const isVain = performance.now() - lastMs > this.settings.patienceMs;
      if (isVain || this.#isImpatient) {
        const howLong = isVain
          ? `nothing moved for ${this.settings.patienceMs / 1000} s`
          : 'stopped';
        this.#unfinished.push(`${what()}: ${howLong}`);
        break;
      }
      await sleep(lookMs);
    }
    this.#waitedFor = '';
  }

  async #tick(
    fleet: Fleet,
    meter: Meter,
    watch: TroubleWatch,
    disturber: Disturber,
  ): Promise<void> {
    const second = await meter.tick();
    watch.look({
      ...second,
      on: fleet.awake,
      acknowledged: this.ledger.totals.acknowledged,
      inKafka: this.ledger.totals.inKafka + this.ledger.totals.reportedLost,
      ...fleet.takeTroubles(),
      isDisturbed: disturber.isActive,
      isHeldUp: disturber.holdsAll,
    });
    this.#watcher.second(second, this.#phase, this);
  }
}

/** Then an acknowledgement is as far as is seen. */
function withoutProof(verdict: Verdict, { onDevices }: Ledger): void {
  verdict.waitingInProxy = 0;
  verdict.waitingOnDevices = onDevices;
  verdict.isSound = onDevices === 0;
}

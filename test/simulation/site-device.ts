import type { Accept } from '../../proxy/listeners/channel.js';
import { datagrams } from '../../sdk/links/datagrams.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';
import type { Store } from '../../sdk/stores/store.js';
import { type Sdk, sdkFactory } from '../../targets/instance.js';
import type { Random } from '../random.js';
import { FlashModel, PowerCut } from '../sdk/stores/flash-model.js';
import { FaultyDatagrams } from './faulty-datagrams.js';
import { FaultyLink } from './faulty-link.js';
import { FlashWatch } from './flash-watch.js';
import { Life, type Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';

// A device of the site: the SDK as it ships, one instance for each time between two power cuts, with a store in RAM or in flash, on a link
// on which everything goes wrong. It writes down what `send` took, which is what the oracle believes.

export interface Sent {
  /** What the firmware sent, as JSON has it. */
  value: Record<string, unknown>;
  stream: string;
  atMs: number;
  /** `cut`: the power ended within that `send`, and nobody heard the end of it. */
  outcome: 'accepted' | 'refused' | 'cut';
}

/** A boot. */
export interface Run {
  number: number;
  sdk: Sdk;
  life: Life;
  /** By seq. */
  sent: Sent[];
  /** The proxy acknowledged what is below. */
  acknowledged: number;
  /** Seqs that the store in flash took. */
  stored: Set<number>;
  /** Of these, what lay in a sector that was erased, and was not acknowledged then. */
  erased: Set<number>;
}

export interface DeviceShape {
  store: 'ram' | 'flash';
  wire: 'connection' | 'line' | 'datagrams';
  /** Of the flash, of 512 bytes. */
  sectors: number;
  hasAnchors: boolean;
  policy: (typeof policies)[number];
}

/** What a full store gives up: the oldest, what comes, or the lowest priority; flash has only the first two. */
export const policies = ['oldest', 'oldest', 'newest', 'lowest'] as const;

const instantiate = await sdkFactory();
/** Of the buffer three quarters. */
const storeBytes = 384;
const options = { bufferBytes: 512, lingerMs: 300, ackTimeoutMs: 1_000, retryBackoffMs: 50 };

export class SiteDevice {
  readonly name: string;
  readonly shape: DeviceShape;
  readonly runs: Run[] = [];
  readonly link: FaultyLink | FaultyDatagrams;
  isOn = false;
  readonly #mtuBytes: number;
  readonly #flash: FlashModel;
  readonly #watch: FlashWatch;
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  readonly #trace: Trace;
  #draw: ((seq: number) => { stream: string; value: Sent['value']; send(): unknown }) | null = null;

  constructor(
    name: string,
    shape: DeviceShape,
    parts: { random: Random; scheduler: Scheduler; trace: Trace; accept: Accept },
  ) {
    const { random, scheduler, trace, accept } = parts;
    this.name = name;
    this.shape = shape;
    this.#random = random;
    this.#scheduler = scheduler;
    this.#trace = trace;
    this.#flash = new FlashModel(512, shape.sectors, 4, random.fork());
    this.#watch = new FlashWatch(this.#flash);
    if (shape.wire === 'datagrams') {
      this.link = new FaultyDatagrams(random.fork(), accept, scheduler);
    } else {
      this.link = new FaultyLink(random.fork(), shape.wire, accept, scheduler);
    }
    this.#mtuBytes = random.chance(0.5) ? 72 : 0;
  }

  get run(): Run {
    return this.runs.at(-1)!;
  }

  /** Power on. */
  boot(): void {
    const random = this.#random;
    this.link.forgetDevice();
    this.#flash.powerUp();
    const life = new Life(this.#scheduler);
    const bootedMs = this.#scheduler.nowMs;
    const startMs = random.below(3) * (this.shape.store === 'ram' ? 2 ** 31 : 1_000);
    const timers = new Map<number, () => void>();
    let lastTimer = 0;
    const sdk = instantiate({
      clock: () => Math.floor(this.#scheduler.nowMs - bootedMs + startMs),
      random: () => random.next(),
      after: (task, delayMs) => {
        const timer = ++lastTimer;
        const cancel = life.after(delayMs, () => {
          timers.delete(timer);
          this.#guarded(task);
        });
        timers.set(timer, cancel);
        return timer;
      },
      cancel: (timer) => {
        timers.get(timer as number)?.();
        timers.delete(timer as number);
      },
    });
    const run: Run = {
      ...{ number: this.runs.length, sdk, life, sent: [], acknowledged: 0 },
      ...{ stored: new Set(), erased: new Set() },
    };
    this.runs.push(run);
    this.isOn = true;
    this.#trace.say(this.name, `boots, run ${run.number}`);
    this.#guarded(() => this.#begin(run));
  }

  #begin(run: Run): void {
    const { sdk } = run;
    const random = this.#random;
    if (random.chance(1 / 4)) sdk.stream('other-firmware', { mode: sdk.text, n: sdk.uint });
    const origin = sdk.stream('origin', { run: sdk.uint, seq: sdk.uint, fill: sdk.text });
    const other = sdk.stream('other', { seq: sdk.uint, run: sdk.uint, t: sdk.fixed(2) });
    if (this.shape.hasAnchors) sdk.anchors();
    if (this.shape.policy === 'lowest') sdk.priority(other, 1);
    const store = this.#store(run);
    const way: Link =
      this.shape.wire === 'datagrams' ? datagrams(this.link, this.#mtuBytes) : this.link;
    const link: Link = {
      open: (events) => way.open(this.#guardedEvents(run, events)),
      write: (bytes) => way.write(bytes),
      close: () => way.close(),
    };
    const hw = sdk.producer({
      device: this.name,
      link,
      ...options,
      ...(store === undefined ? {} : { store }),
    });
    const { number } = run;
    this.#draw = (seq) => {
      const dice = random.next();
      if (dice < 0.15) {
        const value = { run: number, seq };
        return { stream: 'memo', value, send: () => sdk.sendUndeclared('memo', value) };
      }
      if (dice < 0.5) {
        const value = { seq, run: number, t: random.below(4_000) / 100 };
        return { stream: 'other', value, send: () => hw.send(other, value) };
      }
      const value = { run: number, seq, fill: 'x'.repeat(random.below(25)) };
      return { stream: 'origin', value, send: () => hw.send(origin, value) };
    };
  }

  send(): void {
    if (!this.isOn) return;
    const { run } = this;
    const seq = run.sent.length;
    const isTooLong = this.#random.chance(1 / 40);
    const long = { run: run.number, fill: 'x'.repeat(500) };
    const { stream, value, send } = isTooLong
      ? { stream: 'note', value: long, send: () => run.sdk.sendUndeclared('note', long) }
      : this.#draw!(seq);
    const sent: Sent = { stream, value, atMs: this.#scheduler.nowMs, outcome: 'cut' };
    run.sent.push(sent);
    this.#guarded(() => {
      sent.outcome = send() === false ? 'refused' : 'accepted';
      if ((sent.outcome === 'refused') !== isTooLong) {
        throw new Error(`${this.name}: send() ${sent.outcome} ${JSON.stringify(value)}`);
      }
    });
  }

  /** Has the power end within the next steps of the flash, or now. */
  cutPower(): void {
    if (!this.isOn) return;
    if (this.shape.store === 'flash' && this.#random.chance(0.7)) {
      this.#flash.cutAt = this.#flash.steps + this.#random.below(600);
      return;
    }
    this.#powerEnds();
  }

  /** No power cut is to come any more. */
  heal(): void {
    this.#flash.cutAt = Number.POSITIVE_INFINITY;
    this.link.healed = true;
  }

  look(): void {
    const { run } = this;
    if (!this.isOn) return;
    const { boot, acknowledged } = run.sdk.stats();
    if (boot === null || acknowledged <= run.acknowledged) return;
    run.acknowledged = acknowledged;
    this.#trace.say(this.name, `acknowledged below ${acknowledged} of boot ${boot}`);
  }

  #powerEnds(): void {
    this.look();
    this.#trace.say(this.name, 'power ends');
    this.run.life.kill();
    this.isOn = false;
    this.link.forgetDevice();
  }

  #store(run: Run): Store | undefined {
    const { store, policy } = this.shape;
    const { sdk } = run;
    if (store === 'flash') {
      const flash = this.#flashStore(run);
      return policy === 'newest' ? sdk.keepOldest(flash) : flash;
    }
    if (policy === 'oldest') return undefined;
    const ram = sdk.ram(storeBytes);
    return policy === 'newest' ? sdk.keepOldest(ram) : sdk.keepHighest(ram);
  }

  #flashStore(run: Run): Store {
    const made = run.sdk.flash(this.#flash);
    if (made === undefined) throw new Error('a newer format');
    return {
      ...made,
      append: (entry, events) => {
        const first = Buffer.from(entry).readUInt32BE(2);
        const block = { run, first, count: events };
        this.#watch.stored(entry, block);
        const dropped = made.append(entry, events);
        for (let seq = first; seq < first + events; seq++) run.stored.add(seq);
        return dropped;
      },
    };
  }

  /** The power may end in whatever writes into flash. */
  #guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.#powerEnds();
    }
  }

  #guardedEvents(run: Run, events: LinkEvents): LinkEvents {
    const guarded = (task: () => void) => {
      if (run !== this.run || !this.isOn) return;
      this.#guarded(task);
      this.look();
    };
    return {
      up: () => guarded(() => events.up()),
      down: () => guarded(() => events.down()),
      ready: () => guarded(() => events.ready()),
      data: (bytes) => guarded(() => events.data(bytes)),
    };
  }
}

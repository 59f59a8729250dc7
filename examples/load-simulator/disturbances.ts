// What befalls the devices while they send: each at its interval, to a share of them that the seed picks, until it is healed.

import { ConfigError } from 'headwater/site';
import type { Device } from './device.js';
import { randomOf } from './random.js';
import type { Scheduler, Task } from './scheduler.js';
import { durationMs } from './words.js';

export type Kind = 'cut' | 'stall' | 'slow' | 'garble' | 'power' | 'churn' | 'sleep' | 'skew';

export interface Disturbance {
  kind: Kind;
  /** As it was written. */
  text: string;
  everyMs: number;
  forMs: number;
  /** Of the devices. */
  share: number;
  bytesPerSecond: number;
  garbledShare: number;
  ppm: number;
}

export interface Span {
  kind: string;
  text: string;
  /** ms from the run's beginning. */
  fromMs: number;
  toMs: number | null;
}

const timed = ['every', 'for', 'share'];
const keys: Record<Kind, string[]> = {
  cut: timed,
  stall: timed,
  slow: [...timed, 'bytes'],
  garble: [...timed, 'rate'],
  power: timed,
  churn: timed,
  sleep: timed,
  skew: ['ppm'],
};

/** `cut:every=30s,for=5s,share=0.5` */
export function parseDisturbance(text: string): Disturbance {
  const [kind = '', rest = ''] = text.split(/:(.*)/s);
  const known = keys[kind as Kind];
  const wrong = (what: string) => new ConfigError(`--with ${text}: ${what}`);
  if (known === undefined) throw wrong(`${kind} is none of ${Object.keys(keys).join(', ')}`);
  const values: Record<string, string> = {};
  for (const pair of rest.split(',').filter((part) => part !== '')) {
    const [key = '', value = ''] = pair.split(/=(.*)/s);
    if (!known.includes(key)) throw wrong(`${kind} takes ${known.join(', ')}, not ${key}`);
    if (key in values) throw wrong(`${key} is said twice`);
    values[key] = value;
  }
  const share = (key: string, unless: number) => {
    const value = Number(values[key] ?? unless);
    if (value > 0 && value <= 1) return value;
    throw wrong(`${key}=${values[key]}: expected a share above 0, at most 1`);
  };
  const isTimed = known === timed || known.includes('every');
  if (isTimed && (values.every === undefined || values.for === undefined)) {
    throw wrong(`expected how often and how long, as ${kind}:every=30s,for=5s`);
  }
  const ms = (key: string) => (isTimed ? durationMs(`--with ${kind}: ${key}`, values[key]!) : 0);
  const disturbance: Disturbance = {
    kind: kind as Kind,
    text,
    ...{ everyMs: ms('every'), forMs: ms('for') },
    share: share('share', kind === 'churn' ? 0.1 : 1),
    bytesPerSecond: Number(values.bytes ?? 200),
    garbledShare: share('rate', 0.001),
    ppm: Number(values.ppm ?? 100),
  };
  if (isTimed && !(disturbance.everyMs > disturbance.forMs)) {
    throw wrong('every must be longer than for: it is healed before it comes again');
  }
  if (!(disturbance.bytesPerSecond > 0)) throw wrong('bytes: expected bytes per second above 0');
  if (!(disturbance.ppm >= 0 && disturbance.ppm <= 100_000)) {
    throw wrong('ppm: expected how far clocks are off at most, 0 to 100000 millionths');
  }
  return disturbance;
}

export class Disturber {
  readonly spans: Span[] = [];
  readonly #devices: readonly Device[];
  readonly #scheduler: Scheduler;
  readonly #beganMs: number;
  readonly #tasks = new Set<Task>();
  /** Of what has not healed yet: does it befall all? */
  readonly #heals = new Map<() => void, boolean>();
  readonly #seed: number;

  constructor(options: {
    devices: readonly Device[];
    scheduler: Scheduler;
    beganMs: number;
    seed: number;
  }) {
    this.#devices = options.devices;
    this.#scheduler = options.scheduler;
    this.#beganMs = options.beganMs;
    this.#seed = options.seed;
  }

  begin(disturbances: readonly Disturbance[]): void {
    for (const [at, one] of disturbances.entries()) {
      const random = randomOf(this.#seed, 3, at);
      const strike = () => {
        const share = this.#devices.filter(() => one.share === 1 || random() < one.share);
        // One at least: of ten devices a twentieth would else be none, mostly.
        const victims =
          share.length > 0 ? share : [this.#devices[Math.floor(random() * this.#devices.length)]!];
        this.#strike(one, victims);
        this.#later(one.everyMs, strike);
      };
      this.#later(one.everyMs, strike);
    }
  }

  /** Something befalls somebody; something befalls everybody. */
  get isActive(): boolean {
    return this.#heals.size > 0;
  }

  get holdsAll(): boolean {
    return [...this.#heals.values()].some((isAll) => isAll);
  }

  /** Nothing more befalls anybody, and what has is over. */
  end(): void {
    for (const task of this.#tasks) this.#scheduler.cancel(task);
    this.#tasks.clear();
    for (const heal of [...this.#heals.keys()]) heal();
  }

  #later(delayMs: number, act: () => void): void {
    const task = this.#scheduler.after(delayMs, () => {
      this.#tasks.delete(task);
      act();
    });
    this.#tasks.add(task);
  }

  #strike(one: Disturbance, victims: readonly Device[]): void {
    const { kind } = one;
    const who =
      victims.length === this.#devices.length ? 'all devices' : `${victims.length} devices`;
    const text = `${names[kind]}, ${who}`;
    const span: Span = { kind, text, fromMs: this.#sinceBeginning(), toMs: null };
    this.spans.push(span);
    for (const device of victims) actions[kind].begin(device, one);
    const heal = () => {
      this.#heals.delete(heal);
      span.toMs = this.#sinceBeginning();
      for (const device of victims) actions[kind].end(device);
    };
    this.#heals.set(heal, victims.length === this.#devices.length);
    this.#later(one.forMs, () => {
      if (this.#heals.has(heal)) heal();
    });
  }

  #sinceBeginning(): number {
    return performance.now() - this.#beganMs;
  }
}

const names: Record<Kind, string> = {
  cut: 'link cut',
  stall: 'link stalled',
  slow: 'link slow',
  garble: 'link garbled',
  power: 'power cut',
  churn: 'left',
  sleep: 'asleep',
  skew: 'clocks off',
};

interface Action {
  begin(device: Device, one: Disturbance): void;
  end(device: Device): void;
}

const actions: Record<Kind, Action> = {
  cut: { begin: ({ link }) => link.cut(true), end: ({ link }) => link.cut(false) },
  stall: { begin: ({ link }) => link.stall(true), end: ({ link }) => link.stall(false) },
  slow: {
    begin: ({ link }, { bytesPerSecond }) => link.slow(bytesPerSecond),
    end: ({ link }) => link.slow(Number.POSITIVE_INFINITY),
  },
  garble: {
    begin: ({ link }, { garbledShare }) => link.garble(garbledShare),
    end: ({ link }) => link.garble(0),
  },
  power: { begin: (device) => device.cutPower(), end: boot },
  churn: { begin: (device) => device.leave(), end: boot },
  sleep: { begin: (device) => device.sleep(), end: (device) => device.wake() },
  skew: { begin() {}, end() {} },
};

function boot(device: Device): void {
  if (device.state === 'off') device.boot();
  // It was about to leave, and could not get rid of its events yet.
  else device.stay();
}

import { JournalError } from '../../../proxy/journal/error.js';
import { Random } from '../../random.js';
import { Life, type Shape, turn } from './life.js';
import { Model } from './model.js';
import { type Outcome, outcomes, SimulatedDisk } from './simulated-disk.js';

// From a seed: lives of a journal, one after the other on one disk, and at every call to the disk the
// copies of it that a kill or a power cut there may leave. Each copy is opened, checked against the
// model, killed or cut again, during its recovery or after it, and opened once more.

/** How many recovered states passed the check. */
export interface Count {
  states: number;
  refusedByDisk: number;
}

export async function campaign(seed: number, count: Count): Promise<void> {
  const random = new Random(seed);
  const lanes = random.pick([1, 1, 2, 3]);
  const shape: Shape = {
    lanes,
    bytesMax: random.pick([3_000, 6_000, 12_000]),
    segmentBytes: random.pick([400, 900, 2_000]),
    pendingBytesMax: random.pick([600, 4_000]),
  };
  await new Campaign(shape, random, count).run();
}

class Campaign {
  readonly #shape: Shape;
  readonly #random: Random;
  readonly #count: Count;
  /** Of a check within a call to the disk, where the journal would take it for the disk's. */
  #failure: unknown = null;

  constructor(shape: Shape, random: Random, count: Count) {
    this.#shape = shape;
    this.#random = random;
    this.#count = count;
  }

  async run(): Promise<void> {
    const random = this.#random;
    let disk = new SimulatedDisk(random.fork());
    let model = new Model(this.#shape.lanes);
    for (let lives = 3 + random.below(3); lives > 0; lives--) {
      const now: { life: Life | null; model: Model } = { life: null, model };
      disk.afterCall = async (call, name) => {
        // A session does not wait for the disk.
        if (now.life !== null && random.chance(0.2)) now.life.append();
        await this.#crashes(disk, now.model, call === 'write' && name.startsWith('checkpoint'));
      };
      const life = await this.#open(disk, model, random.chance(0.2));
      now.life = life;
      for (let acts = 4 + random.below(14); acts > 0; acts--) {
        await this.#act(life, disk);
        this.#check();
      }
      disk.fault = null;
      disk.bytesMax = Number.POSITIVE_INFINITY;
      const isClosed = random.chance(0.3);
      if (isClosed) await life.journal.close();
      this.#check();
      now.life = null;
      disk.afterCall = null;
      disk.off();
      disk = random.chance(0.5) ? disk.kill(random) : disk.cut(random.pick(outcomes), random);
      model = life.model;
    }
  }

  /** The main line goes on, whatever the disk does to its opening. */
  async #open(disk: SimulatedDisk, model: Model, hasFault: boolean): Promise<Life> {
    const random = this.#random;
    for (;;) {
      if (hasFault) this.#arm(disk, 1 + random.below(12));
      hasFault = false;
      try {
        const life = await Life.begin(disk, model, this.#shape, random);
        disk.fault = null;
        this.#check();
        this.#count.states++;
        return life;
      } catch (error) {
        this.#check();
        const isOfDisk = error instanceof JournalError && error.kind === 'disk';
        if (!isOfDisk || disk.fault === null) throw error;
        this.#count.refusedByDisk++;
        disk.fault = null;
      }
    }
  }

  /** The call after `calls` others fails, once. */
  #arm(disk: SimulatedDisk, calls: number): void {
    const code = this.#random.pick(['EIO', 'EIO', 'ENOSPC']);
    let left = calls;
    disk.fault = (call) => {
      if (--left !== 0) return null;
      return code === 'ENOSPC' && (call === 'sync' || call === 'syncFolder') ? 'EIO' : code;
    };
  }

  async #act(life: Life, disk: SimulatedDisk): Promise<void> {
    const random = this.#random;
    const act = random.below(20);
    if (act < 9) for (let more = random.below(4); more >= 0; more--) life.append();
    else if (act < 13) await life.confirm();
    else if (act < 14) life.forget();
    else if (act < 16) life.runTimers();
    else if (act < 18) this.#arm(disk, 1 + random.below(5));
    else if (act < 19) disk.bytesMax = disk.usedBytes + random.below(300);
    else disk.bytesMax = Number.POSITIVE_INFINITY;
    if (random.chance(0.8)) await turn();
  }

  async #crashes(disk: SimulatedDisk, model: Model, ofCheckpoint: boolean): Promise<void> {
    try {
      await this.#crash(disk, model, ofCheckpoint);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Copies of the disk as this moment may leave it, each opened and checked. */
  async #crash(disk: SimulatedDisk, model: Model, ofCheckpoint: boolean): Promise<void> {
    const random = this.#random.fork();
    for (const outcome of ['nothing', 'prefix', 'any'] as const) {
      await this.#recover(disk.cut(outcome, random), model.copy(), random, drawn(random));
    }
    const life = await this.#recover(disk.kill(random), model.copy(), random, drawn(random));
    // What a recovery calls durable survives the power, though its process never synced it.
    await this.#recover(life.disk.cut('nothing', random), life.model, random);
    if (!ofCheckpoint) return;
    // A checkpoint that only the page cache has, and its brother overwritten by the next process.
    for (let at = 1; at <= recoveryCalls; at++) {
      await this.#recover(disk.kill(random), model.copy(), random, { at, outcome: 'any' });
    }
  }

  /** `crash`: the call during the recovery at which it is killed or cut once more. */
  async #recover(
    disk: SimulatedDisk,
    model: Model,
    random: Random,
    crash: Crash | null = null,
  ): Promise<{ disk: SimulatedDisk; model: Model }> {
    disk.bytesMax = Number.POSITIVE_INFINITY;
    const before = model.copy();
    let calls = 0;
    disk.afterCall = async () => {
      if (crash === null || ++calls !== crash.at) return;
      await this.#recover(crashed(disk, crash.outcome, random), before, random);
    };
    await Life.begin(disk, model, this.#shape, random);
    this.#count.states++;
    disk.afterCall = null;
    if (crash !== null && random.chance(0.2)) {
      await this.#recover(crashed(disk, crash.outcome, random), model.copy(), random);
    }
    return { disk, model };
  }
}

interface Crash {
  at: number;
  outcome: Outcome | 'kill';
}

/** About as many as a recovery makes. */
const recoveryCalls = 14;

function drawn(random: Random): Crash {
  const outcome = random.pick(['kill', ...outcomes] as const);
  return { at: 1 + random.below(2 * recoveryCalls), outcome };
}

function crashed(disk: SimulatedDisk, outcome: Crash['outcome'], random: Random): SimulatedDisk {
  return outcome === 'kill' ? disk.kill(random) : disk.cut(outcome, random);
}

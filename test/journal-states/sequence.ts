import * as assert from 'uvu/assert';
import { JournalError } from '../../proxy/journal/error.js';
import { type Call, outcomes, SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import { turn } from '../proxy/journal/still-clock.js';
import { Random } from '../random.js';
import type { Tally } from './count.js';
import { type Crash, leftovers } from './leftovers.js';
import { Life, type Shape } from './life.js';
import { lanesMax, Model } from './model.js';
import { type Operation, OperationNamer } from './operation.js';
import { remains } from './remains.js';

// From a seed: lives of a journal, one after the other on one disk, and at every call to the disk the disks that a
// crash there may leave. Each is opened, checked against the model, opened once more, and crashed again
// during its recovery or after it.

/** What the journal did wrong, in which state of which sequence. */
export class Violation extends Error {
  override name = 'Violation';
  readonly state: number;
  readonly where: string;
  constructor(cause: unknown, state: number, where: string) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.state = state;
    this.where = where;
  }
}

/** The state that was asked for has passed: nothing else is played. */
export class Replayed extends Error {}

export interface Replay {
  state: number;
  print(line: string): void;
}

export async function playSequence(
  seed: number,
  tally: Tally,
  replay: Replay | null = null,
): Promise<void> {
  const random = new Random(seed);
  const shape: Shape = {
    bytesMax: random.pick([3_000, 6_000, 12_000]),
    segmentBytes: random.pick([400, 900, 2_000]),
    pendingBytesMax: random.pick([600, 4_000]),
    keepCommittedMs: seed % 2 === 0 ? 0 : 200,
  };
  try {
    await new Sequence(shape, random, tally, replay).run();
  } catch (error) {
    if (!(error instanceof Replayed)) throw error;
  }
}

/** A crash in the middle of a recovery: at its how manieth call, and what it leaves. */
interface Again {
  at: number;
  outcome: (typeof outcomes)[number] | 'kill';
}

/** About as many as a recovery makes. */
const recoveryCalls = 14;

/** An opening costs as much as all else: not each state is opened twice. */
const reopenedShare = 1 / 3;

class Sequence {
  readonly #shape: Shape;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #replay: Replay | null;
  readonly #namer = new OperationNamer();
  /** Disks that were recovered, with the model's version: the same again would show the same. */
  readonly #met = new Set<string>();
  #states = 0;
  #lives = 0;
  /** Of a check within a call to the disk, where the journal would take it for the disk's. */
  #failure: unknown = null;

  constructor(shape: Shape, random: Random, tally: Tally, replay: Replay | null) {
    this.#shape = shape;
    this.#random = random;
    this.#tally = tally;
    this.#replay = replay;
  }

  async run(): Promise<void> {
    const random = this.#random;
    let disk = new SimulatedDisk(random.fork());
    let model = new Model();
    for (let lives = 2 + random.below(3); lives > 0; lives--) {
      const now: { life: Life | null; model: Model } = { life: null, model };
      this.#namer.begin();
      disk.afterCall = async (call, name, code) => {
        // A session does not wait for the disk.
        if (now.life !== null && random.chance(0.2)) now.life.append();
        await this.#crashes(disk, now.model, { call, name, code });
      };
      const life = await this.#open(disk, model, random.chance(0.2));
      this.#namer.phase = 'running';
      this.#tally.sequences++;
      now.life = life;
      for (let acts = 6 + random.below(20); acts > 0; acts--) {
        await this.#act(life, disk);
        this.#check();
      }
      disk.fault = null;
      disk.bytesMax = Number.POSITIVE_INFINITY;
      this.#namer.phase = 'closing';
      if (random.chance(0.3)) await life.journal.close();
      this.#check();
      now.life = null;
      disk.afterCall = null;
      disk.off();
      disk = random.chance(0.5) ? disk.kill(random) : disk.cut(random.pick(outcomes), random);
      model = life.model;
      this.#lives++;
    }
  }

  /** The main line goes on, whatever the disk does to its opening. */
  async #open(disk: SimulatedDisk, model: Model, hasFault: boolean): Promise<Life> {
    const random = this.#random;
    const lanes = random.chance(0.3) ? lanesOf(random) : model.lanes;
    for (;;) {
      if (hasFault) this.#arm(disk, 1 + random.below(12));
      hasFault = false;
      try {
        const life = await Life.begin(disk, model, this.#shape, random, lanes);
        disk.fault = null;
        this.#check();
        return life;
      } catch (error) {
        this.#check();
        const isOfDisk = error instanceof JournalError && error.kind === 'disk';
        if (!isOfDisk || disk.fault === null) throw this.#violation(error, 'opening on the way');
        this.#tally.refusedByDisk++;
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
    const act = random.below(22);
    this.#replay?.print(`act ${act}`);
    if (act < 10) for (let more = random.below(4); more >= 0; more--) life.append();
    else if (act < 12) await life.confirm();
    else if (act < 14) await life.confirmAll();
    else if (act < 15) life.forget();
    else if (act < 17) life.runTimers();
    else if (act < 20) this.#arm(disk, 1 + random.below(5));
    else if (act < 21) disk.bytesMax = disk.usedBytes + random.below(300);
    else disk.bytesMax = Number.POSITIVE_INFINITY;
    if (random.chance(0.8)) await turn();
  }

  async #crashes(
    disk: SimulatedDisk,
    model: Model,
    { call, name, code }: { call: Call; name: string; code: string | null },
  ): Promise<void> {
    const operation = this.#namer.name(call, name, code);
    const random = this.#random.fork();
    if (this.#failure !== null) return;
    this.#replay?.print(`${operation}: ${call} ${name}${code === null ? '' : `, ${code}`}`);
    try {
      const isCheckpoint = call === 'write' && name.startsWith('checkpoint');
      await this.#moment(disk, model, operation, isCheckpoint, random);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Every disk as this moment may leave it, each opened and checked. */
  async #moment(
    disk: SimulatedDisk,
    model: Model,
    operation: Operation,
    isCheckpoint: boolean,
    random: Random,
  ): Promise<void> {
    this.#tally.moments++;
    for (const left of leftovers(disk, random)) {
      const key = `${model.version} ${left.disk.digest()}`;
      if (this.#met.has(key)) continue;
      this.#met.add(key);
      const again = random.chance(0.25) ? drawn(random) : null;
      const { crash, text } = left;
      const deep = { operation, crash, text, depth: 1 + Number(this.#lives > 0) };
      if (random.chance(0.1)) {
        const change = { ...deep, operation: 'lane change' as const };
        await this.#recover(
          left.disk.killAt(null),
          model.copy(),
          random,
          change,
          again,
          lanesOf(random),
        );
      }
      await this.#recover(left.disk, model.copy(), random, deep, again);
    }
    const first = { operation, depth: 1 + Number(this.#lives > 0), text: 'a kill' };
    if (random.chance(0.3)) {
      // What a recovery calls durable survives the power, though its process never synced it.
      const killed = { ...first, crash: 'kill' as const };
      const life = await this.#recover(disk.kill(random), model.copy(), random, killed);
      const after = { ...first, crash: 'power, nothing' as const, depth: first.depth + 1 };
      await this.#recover(life.disk.cut('nothing', random), life.model, random, after);
    }
    if (!isCheckpoint) return;
    // A checkpoint that only the page cache has, and its brother overwritten by the next process.
    const at = 1 + random.below(recoveryCalls);
    const deep = { ...first, crash: 'kill' as const };
    await this.#recover(disk.kill(random), model.copy(), random, deep, { at, outcome: 'any' });
  }

  /** An opening, the check, and the same again. `again`: a crash in the middle of it, or after it. */
  async #recover(
    disk: SimulatedDisk,
    model: Model,
    random: Random,
    deep: Deep,
    again: Again | null = null,
    lanes = model.lanes,
  ): Promise<{ disk: SimulatedDisk; model: Model }> {
    disk.bytesMax = Number.POSITIVE_INFINITY;
    const number = ++this.#states;
    if (this.#replay?.state === number) {
      this.#replay.print(`state ${number}: ${placeOf(deep)}\n${disk.digest()}`);
    }
    const before = model.copy();
    let calls = 0;
    let inner: unknown = null;
    disk.afterCall = async () => {
      if (again === null || ++calls !== again.at || inner !== null) return;
      try {
        await this.#recover(crashed(disk, again, random), before, random, deeper(deep, again));
      } catch (error) {
        inner = error;
      }
    };
    let life: Life;
    try {
      life = await Life.begin(disk, model, this.#shape, random, lanes);
    } catch (error) {
      throw inner ?? this.#violation(error, placeOf(deep), number);
    }
    if (inner !== null) throw inner;
    this.#tally.count(deep);
    disk.afterCall = null;
    try {
      if (random.chance(reopenedShare)) await this.#reopen(disk, life, random);
    } catch (error) {
      throw this.#violation(error, `${placeOf(deep)}; opened once more`, number);
    }
    if (this.#replay?.state === number) throw new Replayed();
    if (again !== null && random.chance(0.2)) {
      const after = crashed(disk, again, random);
      await this.#recover(after, model.copy(), random, deeper(deep, again));
    }
    return { disk, model };
  }

  /** [J-73] A kill right after it and another opening: the same answers, and the same bytes on the disk. */
  async #reopen(disk: SimulatedDisk, first: Life, random: Random): Promise<void> {
    const second = disk.killAt(null);
    const life = await Life.begin(second, first.model.copy(), this.#shape, random);
    assert.is(life.answers(), first.answers(), 'opened twice: other answers');
    assert.is(remains(second), remains(disk), 'opened twice: other bytes');
    this.#tally.reopened++;
  }

  #violation(error: unknown, where: string, state = this.#states): unknown {
    if (error instanceof Violation || error instanceof Replayed) return error;
    return new Violation(error, state, where);
  }
}

export interface Deep {
  operation: Operation;
  crash: Crash;
  /** What was left, for a person. */
  text: string;
  /** Crashes so far. */
  depth: number;
}

const lanesOf = (random: Random) => 1 + random.below(lanesMax);

function placeOf({ operation, crash, text, depth }: Deep): string {
  return `${operation}; ${crash}${depth > 1 ? ` (crash ${depth} in a row)` : ''}; ${text}`;
}

function deeper(deep: Deep, { at, outcome }: Again): Deep {
  const text = `${deep.text}; then at call ${at} of the recovery, or after it: ${outcome}`;
  const crash: Crash = outcome === 'kill' ? 'kill' : crashOf[outcome];
  return { operation: 'opening', crash, text, depth: deep.depth + 1 };
}

const crashOf = {
  nothing: 'power, nothing',
  prefix: 'power, prefix',
  any: 'power, any order',
  everything: 'power, everything',
} as const;

function drawn(random: Random): Again {
  const outcome = random.pick(['kill', ...outcomes] as const);
  return { at: 1 + random.below(2 * recoveryCalls), outcome };
}

function crashed(disk: SimulatedDisk, { outcome }: Again, random: Random): SimulatedDisk {
  return outcome === 'kill' ? disk.kill(random) : disk.cut(outcome, random);
}

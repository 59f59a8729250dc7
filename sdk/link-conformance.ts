import { after, cancel } from './engine.js';
import type { Link, LinkEvents } from './links/link.js';

// Tries a link against what sdk/links/link.ts promises. It runs wherever Promises do: in Node's tests, in QuickJS on the board.
// Waits end as soon as what is awaited is there; only that something does *not* come takes its time (settleMs).

/**
 * The other end of the wire, played by whoever tests. What it can't do is left out, and the checks that need it are skipped. Where
 * it answers a promise, that is awaited.
 */
export interface FarEnd {
  /** Sends bytes to the link. */
  send(bytes: Uint8Array): void;
  /** All bytes that came from the link since the start. */
  arrived(): ArrayLike<number>;
  /** Ends the connection that is open, as a pulled cable does. */
  cut?(): void | Promise<void>;
  /** While true no opening comes about. */
  refuse?(refuses: boolean): void | Promise<void>;
  /** While true it takes no bytes, so that the link must in the end take none either. */
  stall?(stalls: boolean): void | Promise<void>;
}

export interface Bench {
  /** The link under test; a new one for each check. */
  link(): Link;
  far: FarEnd;
  /** How long an answer may take; 5,000. */
  deadlineMs?: number;
  /** What the wire holds at most when nobody reads: a link that takes more keeps it in memory; 16,000,000. */
  wireBytesMax?: number;
  /** How long nothing may come; 60. */
  settleMs?: number;
}

export interface Check {
  name: string;
  /** Why the link failed it; absent where it passed. */
  failed?: string;
  /** What the far end lacks for it. */
  skipped?: string;
}

/** Tries everything and answers what came of each check, in order. Never rejects. */
export async function checkLink(bench: Bench): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { name, needs, run } of cases) {
    if (needs && !bench.far[needs]) {
      checks.push({ name, skipped: `the far end has no ${needs}()` });
      continue;
    }
    const trial = new Trial(bench);
    try {
      await trial.quiet();
      await run(trial);
      await trial.quiet();
    } catch (error) {
      trial.fail(error instanceof Error ? error.message : `${error}`);
    }
    const failed = trial.failed;
    checks.push(failed === undefined ? { name } : { name, failed });
    await trial.end();
  }
  return checks;
}

/** The same, for a test: rejects with what failed. Answers the names of what was skipped. */
export async function proveLink(bench: Bench): Promise<string[]> {
  const checks = await checkLink(bench);
  const failed = checks.filter((check) => check.failed !== undefined);
  if (failed.length) throw Error(failed.map((one) => `${one.name}: ${one.failed}`).join('\n'));
  return checks.filter((check) => check.skipped !== undefined).map(({ name }) => name);
}

const pause = (ms: number) => new Promise<void>((resolve) => void after(resolve, ms));

/** One opening: what it told, and what is called when it tells it. */
interface Opening {
  ups: number;
  downs: number;
  readies: number;
  bytes: number[];
  isOver: boolean;
  on: {
    up?: (() => void) | undefined;
    data?: (() => void) | undefined;
    down?: (() => void) | undefined;
  };
}

/** A link at work in one check. What breaks a promise that always holds fails the check, wherever it happens. */
class Trial {
  failed: string | undefined;
  readonly far: FarEnd;
  readonly wireBytesMax: number;
  readonly #bench: Bench;
  readonly #link: Link;
  #inside = '';
  #opening: Opening | undefined;

  constructor(bench: Bench) {
    this.#bench = bench;
    this.far = bench.far;
    this.wireBytesMax = bench.wireBytesMax ?? 16_000_000;
    this.#link = bench.link();
  }

  fail(why: string): void {
    this.failed ??= why;
  }

  open(on: Opening['on'] = {}): Opening {
    const opening: Opening = { ups: 0, downs: 0, readies: 0, bytes: [], isOver: false, on };
    const hear = (what: string, act: () => void) => () => {
      if (this.#inside) this.fail(`${what}() came from inside ${this.#inside}()`);
      if (opening.isOver) this.fail(`${what}() came after close() or down()`);
      act();
    };
    let came: Uint8Array = new Uint8Array();
    const data = hear('data', () => {
      if (!opening.ups) this.fail('data() came before up()');
      opening.bytes.push(...came);
      opening.on.data?.();
    });
    const events: LinkEvents = {
      up: hear('up', () => {
        if (opening.ups++) this.fail('up() came twice');
        opening.on.up?.();
      }),
      down: hear('down', () => {
        opening.downs++;
        opening.isOver = true;
        opening.on.down?.();
      }),
      ready: hear('ready', () => opening.readies++),
      data: (bytes) => {
        if (!(bytes instanceof Uint8Array)) this.fail('data() brought no Uint8Array');
        came = bytes;
        data();
      },
    };
    this.#opening = opening;
    this.#call('open', () => this.#link.open(events));
    return opening;
  }

  write(bytes: Uint8Array): number {
    const taken = this.#call('write', () => this.#link.write(bytes)) ?? 0;
    if (Math.floor(taken) !== taken || taken < 0 || taken > bytes.length) {
      throw Error(`write() of ${bytes.length} bytes returned ${taken}`);
    }
    return taken;
  }

  close(): void {
    if (this.#opening) this.#opening.isOver = true;
    this.#call('close', () => this.#link.close());
  }

  /** Opens until it is up: what was cut or refused before may take a while to come back. */
  async up(): Promise<Opening> {
    let opening = this.open();
    await this.until(() => {
      if (opening.downs) opening = this.open();
      return opening.ups > 0;
    }, 'no up() came');
    return opening;
  }

  /** Writes all of it as a producer does: what is not taken after the next ready(); each array is overwritten at once. */
  async writeAll(opening: Opening, bytes: Uint8Array, piece: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const array = bytes.slice(at, at + piece);
      const { readies } = opening;
      const taken = this.write(array);
      array.fill(0xee);
      if (taken < array.length) {
        await this.until(() => opening.readies > readies, 'write() took less, and no ready() came');
      }
      at += taken;
    }
  }

  /** Waits until it is so. */
  async until(isSo: () => boolean, otherwise: string): Promise<void> {
    let isLate = false;
    const timer = after(() => {
      isLate = true;
    }, this.#bench.deadlineMs ?? 5000);
    while (!isSo() && !isLate) await pause(1);
    cancel(timer);
    if (!isSo()) throw Error(otherwise);
  }

  settle(): Promise<void> {
    return pause(this.#bench.settleMs ?? 60);
  }

  /** Waits until nothing comes at the far end any more. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.far.arrived().length; ) {
      before = this.far.arrived().length;
      await this.settle();
    }
  }

  async end(): Promise<void> {
    await this.far.stall?.(false);
    await this.far.refuse?.(false);
    this.close();
    await this.settle();
  }

  #call<T>(name: string, run: () => T): T | undefined {
    const before = this.#inside;
    this.#inside = name;
    try {
      return run();
    } catch (error) {
      this.fail(`${name}() threw ${error}`);
      return undefined;
    } finally {
      this.#inside = before;
    }
  }
}

/** Every value of a byte, and every value behind each of some others. */
const sample = (length: number): Uint8Array =>
  new Uint8Array(length).map((_, index) =>
    index < 256 ? index : (index * 7 + (index >> 8)) & 255,
  );

const compare = (found: ArrayLike<number>, from: number, wanted: Uint8Array): string => {
  for (let index = 0; index < wanted.length; index++) {
    if (found[from + index] !== wanted[index]) {
      const was = from + index < found.length ? found[from + index] : 'nothing';
      return `byte ${index} of ${wanted.length} is ${was}, not ${wanted[index]}`;
    }
  }
  const more = found.length - from - wanted.length;
  return more ? `${more} bytes too many` : '';
};

/** Awaits so many bytes and compares them. */
async function same(trial: Trial, list: () => ArrayLike<number>, from: number, wanted: Uint8Array) {
  const ended = trial
    .until(() => list().length >= from + wanted.length, '')
    .catch(() => trial.fail(compare(list(), from, wanted)));
  await ended;
  await trial.settle();
  const wrong = compare(list(), from, wanted);
  if (wrong) throw Error(wrong);
}

async function carry(trial: Trial, opening: Opening, bytes: Uint8Array, piece: number) {
  const from = trial.far.arrived().length;
  await trial.writeAll(opening, bytes, piece);
  await same(trial, () => trial.far.arrived(), from, bytes);
}

async function deliver(trial: Trial, opening: Opening, bytes: Uint8Array, piece: number) {
  const from = opening.bytes.length;
  for (let at = 0; at < bytes.length; at += piece) {
    const array = bytes.slice(at, at + piece);
    trial.far.send(array);
  }
  await same(trial, () => opening.bytes, from, bytes);
}

/** Writes the bytes again and again until less is taken; answers how many were. */
async function fill(trial: Trial, bytes: Uint8Array): Promise<number> {
  for (let written = 0; written < trial.wireBytesMax; ) {
    const at = written % bytes.length;
    const taken = trial.write(bytes.slice(at));
    written += taken;
    if (taken < bytes.length - at) return written;
    if (written % 50_000 === 0) await pause(1);
  }
  throw Error(`write() took ${trial.wireBytesMax} bytes that nobody read`);
}

const pieces = [1, 2, 3, 64, 255, 256, 1000];
const openings = 20;

interface Case {
  name: string;
  needs?: 'cut' | 'refuse' | 'stall';
  run(trial: Trial): Promise<void>;
}

const cases: Case[] = [
  {
    name: 'up comes once, and not from inside open',
    async run(trial) {
      await trial.up();
      await trial.settle();
    },
  },
  {
    name: 'what is written arrives: every byte, in order, in any pieces, though the array is overwritten',
    async run(trial) {
      const opening = await trial.up();
      for (const piece of pieces) {
        await carry(trial, opening, sample(Math.min(2 * piece + 1, 1500) + 256), piece);
      }
      if (trial.write(new Uint8Array()) !== 0) throw Error('write() of nothing did not return 0');
    },
  },
  {
    name: 'what is sent is told: every byte, in order, in any pieces',
    async run(trial) {
      const opening = await trial.up();
      for (const piece of pieces) {
        await deliver(trial, opening, sample(Math.min(2 * piece + 1, 1500) + 256), piece);
      }
    },
  },
  {
    name: 'a far end that is slow: write takes less, ready says when to go on, nothing is lost',
    needs: 'stall',
    async run(trial) {
      const opening = await trial.up();
      const from = trial.far.arrived().length;
      const bytes = sample(1000);
      await trial.far.stall?.(true);
      const written = await fill(trial, bytes);
      const { readies } = opening;
      await trial.far.stall?.(false);
      await trial.until(() => opening.readies > readies, 'no ready() came');
      await trial.until(() => trial.far.arrived().length >= from + written, 'bytes are missing');
      await trial.writeAll(opening, bytes, 100);
      await trial.until(() => trial.far.arrived().length >= from + written + 1000, 'no more came');
      const all = new Uint8Array(written + 1000);
      for (let at = 0; at < written; at++) all[at] = bytes[at % 1000]!;
      all.set(bytes, written);
      const wrong = compare(trial.far.arrived(), from, all);
      if (wrong) throw Error(wrong);
    },
  },
  {
    name: 'a cut is one down, and then nothing is taken',
    needs: 'cut',
    async run(trial) {
      const opening = await trial.up();
      await carry(trial, opening, sample(10), 10);
      await trial.far.cut?.();
      await trial.until(() => opening.downs > 0, 'no down() came');
      if (trial.write(sample(10))) throw Error('write() took bytes after down()');
      await trial.settle();
    },
  },
  {
    name: 'a cut while write takes nothing is a down',
    needs: 'stall',
    async run(trial) {
      if (!trial.far.cut) return;
      const opening = await trial.up();
      await trial.far.stall?.(true);
      await fill(trial, sample(1000));
      await trial.far.cut();
      await trial.until(() => opening.downs > 0, 'no down() came');
    },
  },
  {
    name: 'a refused opening is one down and no up, and not from inside open',
    needs: 'refuse',
    async run(trial) {
      await trial.far.refuse?.(true);
      const opening = trial.open();
      await trial.until(() => opening.downs > 0, 'no down() came');
      if (opening.ups) throw Error('up() came');
      trial.write(sample(10));
      await trial.settle();
      await trial.far.refuse?.(false);
      trial.close();
      await carry(trial, await trial.up(), sample(10), 10);
    },
  },
  {
    name: 'after close nothing is told: no data, no down, no ready',
    async run(trial) {
      await trial.up();
      trial.far.send(sample(300));
      trial.close();
      await trial.settle();
      await trial.far.cut?.();
      await trial.settle();
    },
  },
  {
    name: 'closed before it was up: nothing is told',
    async run(trial) {
      trial.open();
      trial.close();
      await trial.settle();
    },
  },
  {
    name: 'closed from inside up, data and down, and opened again there',
    async run(trial) {
      let next: Opening | undefined;
      const again = () => {
        trial.close();
        next = trial.open(on);
      };
      const on: Opening['on'] = {};
      trial.open({ up: again });
      await trial.until(() => !!next?.ups, 'no up() after a close() in up()');
      on.data = again;
      const { bytes } = next!;
      trial.far.send(sample(5));
      await trial.until(() => bytes.length > 0, 'no data() came');
      on.data = undefined;
      await trial.until(() => !!next?.ups, 'no up() after a close() in data()');
      if (trial.far.cut) {
        // What was sent before may still come, on a line that is always there.
        await trial.settle();
        const former = next!;
        former.on.down = again;
        await trial.far.cut();
        await trial.until(
          () => next !== former && !!next?.ups,
          'no up() after a close() in down()',
        );
      }
      await carry(trial, next!, sample(100), 100);
    },
  },
  {
    name: `opened ${openings} times, each carries bytes both ways`,
    async run(trial) {
      for (let round = 0; round < openings; round++) {
        const opening = await trial.up();
        const from = trial.far.arrived().length;
        await trial.writeAll(opening, Uint8Array.of(round, 255, 0), 3);
        await trial.until(
          () => trial.far.arrived().length >= from + 3,
          'what was written is missing',
        );
        trial.far.send(Uint8Array.of(254, 0, round));
        await trial.until(() => opening.bytes.length >= 3, 'what was sent is missing');
        const wrong =
          compare(trial.far.arrived(), from, Uint8Array.of(round, 255, 0)) ||
          compare(opening.bytes, 0, Uint8Array.of(254, 0, round));
        if (wrong) throw Error(`opening ${round}: ${wrong}`);
        trial.close();
      }
    },
  },
  {
    name: 'what makes no sense does no harm: close or write before open, before up, twice, after close',
    async run(trial) {
      trial.close();
      trial.write(sample(3));
      const opening = trial.open();
      trial.write(new Uint8Array());
      await trial.until(() => opening.ups > 0, 'no up() came');
      trial.close();
      trial.close();
      if (trial.write(sample(3))) throw Error('write() took bytes after close()');
      await carry(trial, await trial.up(), sample(10), 10);
    },
  },
];

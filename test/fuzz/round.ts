import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { toHex } from './corpus.js';
import { Inputs } from './inputs.js';
import { shrink } from './shrink.js';
import { type Seed, type Subject, type Target, Violation } from './target.js';

// Inputs into one target, one after the other, until there were enough, the time is over, or something was found. Judges what the target
// itself does not see: that nothing is thrown, what an input costs, and what is held when many have passed.

export interface Limits {
  inputs: number;
  seconds: number;
  seed: number;
  /** Goes on behind what it found, which is said once for each reason. */
  keepsGoing: boolean;
}

export interface Finding {
  kind: 'violation' | 'exception' | 'slow' | 'memory' | 'hang';
  message: string;
  stack?: string;
  /** As small as it could be made. */
  hex: string;
}

export interface Report {
  target: string;
  seed: number;
  inputs: number;
  seconds: number;
  /** How many different answers there were. */
  outcomes: number;
  /** Of the input that cost most, measured again. */
  slowestMs: number;
  /** More than at the beginning. */
  heldBytes: number;
  findings: Finding[];
}

/** Whoever watches the round: sees each input before it is read, and may end it. */
export interface Watch {
  before(input: Uint8Array): void;
  isOver(): boolean;
}

const slowMs = 50;
const heldBytesMax = 48 << 20;
const lookEveryMs = 5_000;
/** By then what is made once is made. */
const firstLookAt = 500;
const findingsMax = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

export async function runRound(
  target: Target,
  corpus: readonly Seed[],
  limits: Limits,
  watch: Watch,
): Promise<{ report: Report; novel: Seed[] }> {
  const round = new Round(target, corpus, limits, watch);
  return await round.run();
}

class Round {
  readonly #target: Target;
  readonly #limits: Limits;
  readonly #watch: Watch;
  readonly #inputs: Inputs;
  #subject!: Subject;
  readonly #outcomes = new Set<string>();
  readonly #novel: Seed[] = [];
  readonly #findings: Finding[] = [];
  readonly #reasons = new Set<string>();
  #count = 0;
  #slowestMs = 0;
  #heldAtFirst = Number.NaN;
  #heldBytes = 0;
  #lookAtMs = performance.now() + lookEveryMs;

  constructor(target: Target, corpus: readonly Seed[], limits: Limits, watch: Watch) {
    this.#target = target;
    this.#limits = limits;
    this.#watch = watch;
    this.#inputs = new Inputs(target, corpus, limits.seed);
  }

  async run() {
    const { inputs, seconds, seed } = this.#limits;
    this.#subject = await this.#target.fresh();
    const beganMs = performance.now();
    let behindCorpusMs = Number.NaN;
    for (;;) {
      const nowMs = performance.now();
      const { isInCorpus } = this.#inputs;
      // The time begins behind the corpus: at least one input of its own follows, however long the corpus took.
      if (!isInCorpus && Number.isNaN(behindCorpusMs)) behindCorpusMs = nowMs;
      const isThrough = this.#count >= inputs || nowMs - behindCorpusMs >= seconds * 1_000;
      if ((isThrough && !isInCorpus) || this.#isOver()) break;
      if (nowMs >= this.#lookAtMs || this.#count === firstLookAt) this.#look();
      await this.#one(this.#inputs.next(), isInCorpus);
    }
    this.#look();
    await this.#subject.end?.();
    const report: Report = {
      ...{ target: this.#target.name, seed, inputs: this.#count },
      seconds: (performance.now() - beganMs) / 1_000,
      outcomes: this.#outcomes.size,
      ...{ slowestMs: this.#slowestMs, heldBytes: this.#heldBytes, findings: this.#findings },
    };
    return { report, novel: this.#novel };
  }

  get #slowMs(): number {
    return this.#target.slowMs ?? slowMs;
  }

  #isOver(): boolean {
    const most = this.#limits.keepsGoing ? findingsMax : 1;
    return this.#findings.length >= most || this.#watch.isOver();
  }

  async #one(input: Uint8Array, isInCorpus: boolean): Promise<void> {
    this.#count++;
    this.#watch.before(input);
    const beganMs = performance.now();
    try {
      const answer = this.#subject.run(input);
      const outcome = typeof answer === 'string' ? answer : await answer;
      if (performance.now() - beganMs > this.#slowMs) await this.#measure(input);
      if (this.#outcomes.has(outcome)) return;
      this.#outcomes.add(outcome);
      if (!isInCorpus) this.#novel.push({ name: outcome, bytes: input });
      this.#inputs.keep(input);
    } catch (error) {
      await this.#found(input, error);
    }
  }

  /** Twice more: what was slow twice is slow of itself, and not since another program ran. */
  async #measure(input: Uint8Array): Promise<void> {
    let leastMs = Number.POSITIVE_INFINITY;
    for (let again = 0; again < 2; again++) {
      const before = process.cpuUsage();
      await this.#subject.run(input);
      const { user, system } = process.cpuUsage(before);
      leastMs = Math.min(leastMs, (user + system) / 1_000);
    }
    this.#slowestMs = Math.max(this.#slowestMs, leastMs);
    if (leastMs <= this.#slowMs) return;
    this.#add('slow', `${Math.round(leastMs)} ms of CPU, above ${this.#slowMs}`, input);
  }

  async #found(input: Uint8Array, error: unknown): Promise<void> {
    const kind = error instanceof Violation ? 'violation' : 'exception';
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    if (this.#reasons.has(reasonOf(kind, message))) return;
    const smallest = await shrink(input, async (smaller) => {
      this.#watch.before(smaller);
      try {
        await this.#subject.run(smaller);
        return false;
      } catch (again) {
        return again instanceof Error && reasonOf(kind, again.message) === reasonOf(kind, message);
      }
    });
    this.#add(kind, message, smallest, stack);
  }

  #add(kind: Finding['kind'], message: string, input: Uint8Array, stack?: string): void {
    const reason = reasonOf(kind, message);
    if (this.#reasons.has(reason)) return;
    this.#reasons.add(reason);
    this.#findings.push({ kind, message, hex: toHex(input), ...(stack && { stack }) });
  }

  /** What is held: the first look is what later ones are compared with. */
  #look(): void {
    this.#lookAtMs = performance.now() + lookEveryMs;
    collect();
    const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
    if (Number.isNaN(this.#heldAtFirst)) this.#heldAtFirst = heap + external;
    this.#heldBytes = heap + external - this.#heldAtFirst - this.#inputs.bytes;
    if (this.#heldBytes <= heldBytesMax) return;
    const held = `${this.#heldBytes >> 20} MiB more are held after ${this.#count} inputs`;
    this.#add('memory', held, new Uint8Array());
  }
}

/** Without its numbers and names: the same again is said once. */
export const reasonOf = (kind: string, message: string): string =>
  `${kind} ${message.replace(/\d[\d.]*|"[^"]*"/g, '#').slice(0, 120)}`;

import fc from 'fast-check';
import { Random } from '../random.js';
import { mutate } from './mutate.js';
import type { Seed, Target } from './target.js';

// What is read next: the corpus as it is, then by turns nearly valid inputs of fast-check, those mutated, and mutations of what reached
// something new. One seed gives one sequence, as long as the target answers the same.

const poolMax = 2_048;
const samplesAtOnce = 128;
/** A sample costs more than a mutation of it. */
const usesOfSample = 12;

export class Inputs {
  readonly #target: Target;
  readonly #corpus: readonly Seed[];
  readonly #random: Random;
  readonly #pool: Uint8Array[];
  #at = 0;
  #samples: Uint8Array[] = [];
  #uses = 0;
  /** Of what it holds itself. */
  bytes = 0;

  constructor(target: Target, corpus: readonly Seed[], seed: number) {
    this.#target = target;
    this.#corpus = corpus;
    this.#random = new Random(seed);
    this.#pool = corpus.map(({ bytes }) => bytes);
  }

  /** What is given next is of the corpus, unchanged. */
  get isInCorpus(): boolean {
    return this.#at < this.#corpus.length;
  }

  next(): Uint8Array {
    const seed = this.#corpus[this.#at++];
    if (seed !== undefined) return seed.bytes;
    const other = this.#ofPool();
    if (this.#random.chance(0.5)) return mutate(this.#ofPool(), this.#random, other);
    const { sample, isFirst } = this.#sample();
    return isFirst ? sample : mutate(sample, this.#random, other);
  }

  /** It reached something new. */
  keep(input: Uint8Array): void {
    if (this.#pool.length < poolMax) {
      this.#pool.push(input);
      this.bytes += input.length;
    } else this.#pool[this.#random.below(poolMax)] = input;
  }

  #ofPool(): Uint8Array {
    return this.#pool.length === 0 ? new Uint8Array() : this.#random.pick(this.#pool);
  }

  #sample(): { sample: Uint8Array; isFirst: boolean } {
    if (this.#uses >= this.#samples.length * usesOfSample) {
      const seed = this.#random.below(0x7fffffff);
      this.#samples = fc.sample(this.#target.arbitrary, { numRuns: samplesAtOnce, seed });
      this.#uses = 0;
    }
    const at = this.#uses++;
    const sample = this.#samples[at % this.#samples.length]!;
    return { sample, isFirst: at < this.#samples.length };
  }
}

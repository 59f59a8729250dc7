import fc from 'fast-check';

// What is fuzzed: a target reads one input at a time, bytes always, and says what came of it. An input is a whole trial of its own: where a
// target is a conversation, the bytes are its script (script.ts), so that every mutation of bytes is one of a conversation too.

export interface Target {
  /** Also that of its corpus. */
  readonly name: string;
  /** What holds of every input, for a person. */
  readonly checks: string;
  /** CPU that an input may cost; 50 ms unless told. */
  readonly slowMs?: number;
  /** Nearly valid inputs, of fast-check. */
  readonly arbitrary: fc.Arbitrary<Uint8Array>;
  /** What the corpus is begun with where it is made anew. */
  seeds(): Seed[];
  fresh(): Subject | Promise<Subject>;
}

export interface Seed {
  name: string;
  bytes: Uint8Array;
}

/** A dozen of an arbitrary, always the same; `word`: what they are called. */
export function drawnSeeds(
  arbitrary: fc.Arbitrary<Uint8Array>,
  seed: number,
  word = 'script',
): Seed[] {
  const drawn = fc.sample(arbitrary, { numRuns: 12, seed });
  return drawn.map((bytes, at) => ({ name: `${word} ${at}`, bytes }));
}

export interface Subject {
  /**
   * Throws where a check does not hold, or the product threw. Answers what came of it in a few words, of a bounded number of them: an input
   * with an answer that no other had is kept and mutated.
   */
  run(input: Uint8Array): string | Promise<string>;
  end?(): Promise<void>;
}

/** The product did what it must not; anything else that is thrown is the product's own exception. */
export class Violation extends Error {
  override name = 'Violation';
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

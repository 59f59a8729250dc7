import { type Crash, crashes } from './leftovers.js';
import { type Operation, operations } from './operation.js';

// How many states passed, by what was being done and by what happened to it.

export class Tally {
  states = 0;
  /** Openings of the main line: what was done from one to the next is a sequence of operations. */
  sequences = 0;
  /** Calls to the disk at which it was crashed. */
  moments = 0;
  reopened = 0;
  refusedByDisk = 0;
  readonly byOperation = zeros(operations);
  readonly byCrash = zeros(crashes);
  /** How many crashes before: 1, 2, more. */
  readonly byDepth = { '1': 0, '2': 0, more: 0 };

  count(one: { operation: Operation; crash: Crash; depth: number }): void {
    this.states++;
    this.byOperation[one.operation]++;
    this.byCrash[one.crash]++;
    this.byDepth[one.depth === 1 ? '1' : one.depth === 2 ? '2' : 'more']++;
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

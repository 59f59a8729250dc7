import { Random } from '../random.js';
import type { Fault } from './fault.js';

// Which faults happen in which order: all of it follows from the seed. Moments are the machine's own.

export interface ScheduleOptions {
  seed: number;
  /** SIGKILLs of the proxy, or as many of each kind that is asked for. */
  kills: number;
  /** Of each other kind. */
  each: number;
  only: readonly string[] | null;
}

export function schedule(faults: readonly Fault[], options: ScheduleOptions): Fault[] {
  const { seed, kills, each, only } = options;
  const rounds = faults.flatMap((fault) => {
    if (only !== null) return only.includes(fault.name) ? Array(kills).fill(fault) : [];
    return Array(fault.name === 'kill' ? kills : each).fill(fault);
  }) as Fault[];
  const random = new Random(seed);
  for (let at = rounds.length - 1; at > 0; at--) {
    const other = random.below(at + 1);
    [rounds[at], rounds[other]] = [rounds[other]!, rounds[at]!];
  }
  return rounds;
}

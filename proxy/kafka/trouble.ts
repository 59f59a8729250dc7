// One line when something starts to hold a lane, one when it is over, and none in between, however
// often it was tried.

import type { Clock } from '../clock.js';
import type { LaneEvent } from './lane-types.js';

/** What must succeed before it is over: a start, a look at the topics, or a commit. */
export type Cure = 'start' | 'topics' | 'commit';

export interface Trouble {
  begin(cure: Cure, what: string, message: string): void;
  over(cured: Cure): void;
}

/** A commit cures everything: it was the aim. */
const cures: Readonly<Record<Cure, readonly Cure[]>> = {
  start: ['start'],
  topics: ['start', 'topics'],
  commit: ['start', 'topics', 'commit'],
};

export function createTrouble(who: string, clock: Clock, on: (event: LaneEvent) => void): Trouble {
  let current: { cure: Cure; what: string; sinceMs: number } | null = null;
  return {
    begin(cure, what, message) {
      if (current?.what === what) return;
      const sinceMs = current?.sinceMs ?? clock.monotonicMs();
      current = { cure, what, sinceMs };
      on({ kind: 'line', level: 'warn', text: `${who}: ${message}; trying on` });
    },
    over(cured) {
      if (current === null || !cures[cured].includes(current.cure)) return;
      const seconds = ((clock.monotonicMs() - current.sinceMs) / 1000).toFixed(1);
      current = null;
      on({ kind: 'line', level: 'info', text: `${who}: flows again after ${seconds} s` });
    },
  };
}

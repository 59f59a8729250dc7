// Topics that stayed missing or forbidden beyond their grace: what is for them becomes dead letters, until they are there.
// KAFKA.md [K-32]

import type { Clock } from '../clock.js';

export interface DeadTopics {
  /** It is bad now. True once it has been for the whole grace: it is dead from now on. */
  bad(topic: string, why: string): boolean;
  /** Why a record for it is a letter; undefined: it is not dead. */
  why(topic: string): string | undefined;
  /** The topics that are to be looked at again now; at most once a second. */
  due(): string[];
  /** It is there again. */
  good(topic: string): void;
}

const lookMs = 1000;

export function createDeadTopics(
  clock: Clock,
  graceMs: number,
  never: readonly string[],
): DeadTopics {
  const sinceMs = new Map<string, number>();
  const dead = new Map<string, string>();
  let lookedMs = 0;
  return {
    bad(topic, why) {
      if (never.includes(topic)) return false;
      const nowMs = clock.monotonicMs();
      const since = sinceMs.get(topic) ?? nowMs;
      sinceMs.set(topic, since);
      if (nowMs - since < graceMs) return false;
      dead.set(topic, why);
      return true;
    },
    why: (topic) => dead.get(topic),
    due() {
      const nowMs = clock.monotonicMs();
      if (dead.size === 0 || nowMs - lookedMs < lookMs) return [];
      lookedMs = nowMs;
      return [...dead.keys()];
    },
    good(topic) {
      sinceMs.delete(topic);
      dead.delete(topic);
    },
  };
}

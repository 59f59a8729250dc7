// What came from a device and could not be used is an outcome: counted always, said in the log at first
// and then at most once in ten seconds for each kind (and whose it is, where that is told), so that a noisy line can't fill a disk.

import type { Clock } from './clock.js';

export interface Outcomes {
  /**
   * `kind` is one of the code's own words ("frame-check"), never a device's. `of`, a name of the configuration (a line, a meter), is said
   * apart from others: its state, that nothing says again.
   */
  count(kind: string, detail?: Record<string, string | number>, of?: string): void;
  counts(): ReadonlyMap<string, number>;
}

const quietMs = 10_000;

export function createOutcomes(
  clock: Clock,
  log: (kind: string, detail: Record<string, string | number>) => void,
): Outcomes {
  const counts = new Map<string, number>();
  const said = new Map<string, { atMs: number; unsaid: number }>();
  return {
    count(kind, detail = {}, of = '') {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const which = `${kind} ${of}`;
      const mine = said.get(which) ?? { atMs: Number.NEGATIVE_INFINITY, unsaid: 0 };
      said.set(which, mine);
      const nowMs = clock.monotonicMs();
      if (nowMs - mine.atMs < quietMs) {
        mine.unsaid += 1;
        return;
      }
      const { unsaid } = mine;
      Object.assign(mine, { atMs: nowMs, unsaid: 0 });
      log(kind, unsaid > 0 ? { ...detail, unsaid } : detail);
    },
    counts: () => counts,
  };
}

// What came from a device and could not be used is an outcome: counted always, said in the log at first
// and then at most once in ten seconds for each kind, so that a noisy line can't fill a disk.

import type { Clock } from './clock.js';

export interface Outcomes {
  /** `kind` is one of the code's own words ("frame-check"), never a device's. */
  count(kind: string, detail?: Record<string, string | number>): void;
  counts(): ReadonlyMap<string, number>;
}

const quietMs = 10_000;

export function createOutcomes(
  clock: Clock,
  log: (kind: string, detail: Record<string, string | number>) => void,
): Outcomes {
  const counts = new Map<string, number>();
  const said = new Map<string, { atMs: number; count: number }>();
  return {
    count(kind, detail = {}) {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      const last = said.get(kind);
      const nowMs = clock.monotonicMs();
      if (last !== undefined && nowMs - last.atMs < quietMs) return;
      const unsaid = count - (last?.count ?? 0) - 1;
      said.set(kind, { atMs: nowMs, count });
      log(kind, unsaid > 0 ? { ...detail, unsaid } : detail);
    },
    counts: () => counts,
  };
}

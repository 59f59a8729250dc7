// What a run says at its end: per kind of fault how long flow was away after it, and the verdict.

import type { Outcome, Round } from './run.js';

export interface Times {
  min: number;
  median: number;
  max: number;
}

export interface FaultSummary {
  count: number;
  /** ms from the fault's end to the first event that was sent after it and is readable. */
  resumedMs: Times | null;
  /** The same for the slowest device. */
  allMs: Times | null;
  /** Rounds in which flow took longer than the goal of 5 s. */
  over5s: number;
}

const goalMs = 5_000;

export function summarize(rounds: readonly Round[]): Record<string, FaultSummary> {
  const names = [...new Set(rounds.map(({ fault }) => fault))].sort();
  return Object.fromEntries(
    names.map((name) => {
      const mine = rounds.filter(({ fault }) => fault === name);
      const resumed = mine.map(({ resumedMs }) => resumedMs);
      return [
        name,
        {
          count: mine.length,
          resumedMs: times(resumed),
          allMs: times(mine.map(({ allMs }) => allMs)),
          over5s: resumed.filter((ms) => ms === null || ms > goalMs).length,
        },
      ];
    }),
  );
}

function times(values: readonly (number | null)[]): Times | null {
  const sorted = values.filter((ms) => ms !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  return { min: sorted[0]!, median: sorted[sorted.length >> 1]!, max: sorted.at(-1)! };
}

export function table(summary: Record<string, FaultSummary>): string {
  const text = (found: Times | null) =>
    found === null ? '-' : `${found.min} / ${found.median} / ${found.max}`;
  const rows = Object.entries(summary).map(([name, { count, resumedMs, allMs, over5s }]) => {
    return [name, String(count), text(resumedMs), text(allMs), String(over5s)];
  });
  const head = ['fault', 'times', 'flows after ms, min / median / max', 'all devices', '> 5 s'];
  const widths = head.map((cell, at) =>
    Math.max(cell.length, ...rows.map((row) => row[at]!.length)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

export function report(run: Outcome & Record<string, unknown>): Record<string, unknown> {
  const { rounds, ...rest } = run;
  return { ...rest, faults: summarize(rounds) };
}

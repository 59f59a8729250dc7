import type { HostEngine } from '../../sdk/engines/host.js';

// Time, timers and randomness of a test: nothing happens but by `advance`, and the same each time.

export interface VirtualEngine extends HostEngine {
  now: number;
  /** What `random` returns next; one half when it is empty. */
  readonly draws: number[];
  /** Lets time pass, and runs what is due in its order. */
  advance(ms: number): void;
  /** Timers that are armed. */
  pending(): number;
}

export function virtualEngine(start = 0): VirtualEngine {
  const timers = new Map<number, { at: number; task: () => void }>();
  let last = 0;
  const engine: VirtualEngine = {
    now: start,
    draws: [],
    clock: () => Math.floor(engine.now),
    random: () => engine.draws.shift() ?? 0.5,
    after(task, delayMs) {
      last++;
      timers.set(last, { at: engine.now + delayMs, task });
      return last;
    },
    cancel: (timer) => void timers.delete(timer as number),
    pending: () => timers.size,
    advance(ms) {
      const end = engine.now + ms;
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= end);
        due.sort(([, a], [, b]) => a.at - b.at);
        const [first] = due;
        if (!first) break;
        const [id, { at, task }] = first;
        timers.delete(id);
        engine.now = Math.max(engine.now, at);
        task();
      }
      engine.now = end;
    },
  };
  return engine;
}

// Node, un-built (`import … from 'headwater'`) and built. A simulation replaces clock, timers and randomness for all
// producers of the process.

export interface Engine {
  /** Monotonic, ms. */
  uptimeMs(): number;
  after(delayMs: number, task: () => void): unknown;
  cancel(timer: unknown): void;
  /** From 0 to below 1. */
  random(): number;
}

const system: Engine = {
  uptimeMs: () => performance.now(),
  after: (delayMs, task) => setTimeout(task, delayMs),
  cancel: (timer) => clearTimeout(timer as NodeJS.Timeout),
  random: Math.random,
};

let engine = system;

/** Puts another engine in the system's place, for a simulation; without one the system's is back. */
export function useEngine(replacement: Engine = system): void {
  engine = replacement;
}

export const uptimeMs = (): number => engine.uptimeMs();
export const after = (delayMs: number, task: () => void): unknown => engine.after(delayMs, task);
export const cancel = (timer: unknown): void => engine.cancel(timer);
export const random = (): number => engine.random();

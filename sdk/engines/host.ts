// An engine that the host gives to each instance of the SDK (targets/instance.ts): many devices in one process, each
// with a clock of its own.

export { crc32 } from '../crc32.js';

export interface HostEngine {
  /** Uptime, whole ms; monotonic. */
  clock(): number;
  after(task: () => void, delayMs: number): unknown;
  cancel(timer: unknown): void;
  /** From 0 to below 1. */
  random(): number;
}

declare const engine: HostEngine;

let latest = 0;
/** A host's clock that runs backwards is waited for. [W-18] */
export const clock = (): number => {
  latest = Math.max(latest, engine.clock());
  return latest;
};
export const after = (task: () => void, delayMs: number): unknown => engine.after(task, delayMs);
export const cancel = (timer: unknown): void => engine.cancel(timer);
export const random = (): number => engine.random();

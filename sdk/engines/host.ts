// Whatever has neither clock nor timers of its own: its host gives the global `host`. An engine of ES5, in which whoever embeds it
// defines that before the firmware runs, and each instance of the SDK in a process that plays many devices (targets/instance.ts).

export { crc32 } from '../crc32.js';

export interface HostEngine {
  /** Uptime, whole ms; monotonic. */
  clock(): number;
  after(task: () => void, delayMs: number): unknown;
  cancel(timer: unknown): void;
  /** From 0 to below 1. */
  random(): number;
}

declare const host: HostEngine;

let latest = 0;
/** A host's clock that runs backwards is waited for. [W-18] */
export const clock = (): number => {
  latest = Math.max(latest, host.clock());
  return latest;
};
export const after = (task: () => void, delayMs: number): unknown => host.after(task, delayMs);
export const cancel = (timer: unknown): void => host.cancel(timer);
export const random = (): number => host.random();

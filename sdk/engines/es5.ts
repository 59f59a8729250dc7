import type { HostEngine } from './host.js';

// An engine of ES5, which has neither clock nor timers: whoever embeds it gives it the global `host`.
// Where the engine has no Uint8Array, the build brings one (es5-bytes.ts), and a link hands over plain arrays of numbers.

export { crc32 } from '../crc32.js';

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

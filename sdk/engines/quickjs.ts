import * as os from 'os';

// QuickJS: everything is in its module `os`. `os.now()` is monotonic and does not wrap.

declare module 'os' {
  export function setTimeout(task: () => void, delayMs: number): object;
  export function clearTimeout(timer: unknown): void;
  export function now(): number;
}

export { crc32 } from '../crc32.js';
export const after = os.setTimeout;
/** The timers of `os` are objects in most releases, and then it throws at anything else. */
export const cancel = (timer: unknown): unknown => timer && os.clearTimeout(timer);
export const clock = () => Math.floor(os.now());
export const random = Math.random;

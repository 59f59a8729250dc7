import { clearTimeout, now, setTimeout } from 'os';

// QuickJS: everything is in its module `os`. `os.now()` is monotonic and does not wrap.

declare module 'os' {
  export function setTimeout(task: () => void, delayMs: number): object;
  export function clearTimeout(timer: unknown): void;
  export function now(): number;
}

export { clearTimeout as cancel, setTimeout as after };
export const clock = () => Math.floor(now());
export const random = Math.random;

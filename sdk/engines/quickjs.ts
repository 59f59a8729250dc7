import { clearTimeout, now, setTimeout } from 'os';

// QuickJS: everything is in its module `os`. `os.now()` is monotonic and does not wrap.

declare module 'os' {
  export function setTimeout(task: () => void, delayMs: number): object;
  export function clearTimeout(timer: object): void;
  export function now(): number;
}

export { clearTimeout as cancel, now as uptimeMs };

export const after = (delayMs: number, task: () => void): object => setTimeout(task, delayMs);
export const random = Math.random;

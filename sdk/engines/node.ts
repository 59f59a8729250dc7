// Node, un-built (`import … from 'headwater'`) and built.

export { crc32 } from '../crc32.js';

/** Uptime, whole ms; monotonic. */
export const clock = (): number => Math.floor(performance.now());
export const after = (task: () => void, delayMs: number): unknown => setTimeout(task, delayMs);
export const cancel = (timer: unknown): void => clearTimeout(timer as NodeJS.Timeout);
/** From 0 to below 1. */
export const random = Math.random;

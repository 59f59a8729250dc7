// Espruino: its clock counts seconds, its CRC-32 is native.

declare const E: { CRC32(bytes: Uint8Array): number; hwRand(): number };
declare const getTime: () => number;

export const clock = () => Math.floor(getTime() * 1000);
export const after = (task: () => void, delayMs: number): unknown => setTimeout(task, delayMs);
/** It throws where there is none. */
export const cancel = (timer: unknown): void => {
  if (timer) clearTimeout(timer as never);
};
export const random = (): number => Math.random();
export const crc32 = (bytes: Uint8Array, start: number, end: number): number =>
  E.CRC32(bytes.subarray(start, end));

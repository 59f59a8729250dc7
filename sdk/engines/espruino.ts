// Espruino. It has one clock, in seconds, which setTime() puts elsewhere; whoever calls that calls ours, which keeps the
// uptime going. Its CRC-32 is native.

declare const E: { hwRand(): number; CRC32(bytes: Uint8Array): number };
declare const global: { setTime: (seconds: number) => void };
declare const getTime: () => number;
declare const setTime: (seconds: number) => void;

/** Where the engine's clock stood when uptime was 0. */
let origin = getTime();
const setWallClock = setTime;
global.setTime = (seconds) => {
  const before = getTime();
  setWallClock(seconds);
  origin += getTime() - before;
};

/** Uptime, whole ms; monotonic. */
export const clock = (): number => Math.floor((getTime() - origin) * 1000);
export const after = (task: () => void, delayMs: number): unknown => setTimeout(task, delayMs);
/** It throws at undefined. */
export const cancel = (timer: unknown): void => {
  if (timer) clearTimeout(timer as never);
};
/** Math.random() begins with the same number after every start on some boards. */
export const random = (): number => (E.hwRand() >>> 0) / 4294967296;
export const crc32 = (bytes: Uint8Array, start: number, end: number): number =>
  E.CRC32(bytes.subarray(start, end));

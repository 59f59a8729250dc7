import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

// QuickJS's module `os`, as much of it as a firmware on a terminal calls, on Node's files: the same numbers where something fails.
// Node can't wait for a terminal's file without reading it, so it looks every few milliseconds; a handler must bear that
// nothing is there (EAGAIN), as it must bear a signal in QuickJS.

const lookMs = 4;
const readers = new Map<number, NodeJS.Timeout>();
const writers = new Map<number, NodeJS.Timeout>();

function result(run: () => number): number {
  try {
    return run();
  } catch (error) {
    return (error as { errno?: number }).errno ?? -22;
  }
}

export const open = (path: string, flags: number) => result(() => openSync(path, flags));
export const close = (handle: number) =>
  result(() => {
    closeSync(handle);
    return 0;
  });
export const read = (handle: number, buffer: ArrayBuffer, at: number, length: number) =>
  handle === 0
    ? readInput(new Uint8Array(buffer, at, length))
    : result(() => readSync(handle, new Uint8Array(buffer), at, length, null));
export const write = (handle: number, buffer: ArrayBuffer, at: number, length: number) =>
  result(() => writeSync(handle, new Uint8Array(buffer), at, length));

/** Standard input is a socket here, whose file would block: what Node read of it. */
let input = Buffer.alloc(0);
function readInput(buffer: Uint8Array): number {
  const part = input.subarray(0, buffer.length);
  buffer.set(part);
  input = input.subarray(part.length);
  return part.length || -11;
}
process.stdin.on('data', (bytes: Buffer) => {
  input = Buffer.concat([input, bytes]);
});

function look(timers: Map<number, NodeJS.Timeout>, handle: number, task: (() => void) | null) {
  clearInterval(timers.get(handle));
  timers.delete(handle);
  if (task !== null) timers.set(handle, setInterval(task, lookMs));
}
export const setReadHandler = (handle: number, task: (() => void) | null) =>
  look(readers, handle, task);
export const setWriteHandler = (handle: number, task: (() => void) | null) =>
  look(writers, handle, task);

/** Node makes the input of a child blocking, and with it every handle of the same opening: so it gets one of its own. */
export function exec([command = '', ...words]: string[], { stdin }: { stdin: number }): number {
  const input = openSync(`/proc/self/fd/${stdin}`, 0x902);
  const { status } = spawnSync(command, words, { stdio: [input, 'inherit', 'inherit'] });
  closeSync(input);
  return status ?? -1;
}

const setTimer = (task: () => void, delayMs: number) => setTimeout(task, delayMs);

export { setTimer as setTimeout };
export const clearTimeout = (timer: NodeJS.Timeout) => clearInterval(timer);
export const now = () => performance.now();

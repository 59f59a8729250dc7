// Runs a built firmware in QuickJS, as a board would: the engine has its own heap, the module `os` with a
// clock and timers, and a link over a Node stream. Used by the demo, the tests and simulators.
// Invariant: the engine is entered from one place (enter), which then runs its pending jobs.

import type { Duplex } from 'node:stream';
import { getQuickJS, type QuickJSContext, type QuickJSHandle } from 'quickjs-emscripten';

/** What crosses between host and engine besides the link's bytes. */
export type HostValue = null | boolean | number | string | { [key: string]: HostValue };
export type HostFunction = (...values: HostValue[]) => HostValue | undefined;

export interface FirmwareOptions {
  /** As `headwater build` writes it for quickjs, or for es5. */
  code: string;
  /** A fresh connection each time that the firmware opens its link. */
  connect: () => Duplex;
  /** Values and functions that the firmware finds in the global `board`, beside `board.link`. */
  board: Record<string, HostValue | HostFunction>;
  onLog?: (text: string) => void;
  /** An exception that the firmware did not catch. */
  onError: (error: Error) => void;
}

export interface RunningFirmware {
  /** Evaluates an expression in the engine; the answer as JSON would carry it. */
  evaluate(expression: string): unknown;
  /** Bytes of the engine's heap in use. */
  heapBytes(): number;
  /** As if its power were cut. */
  stop(): void;
}

export async function runFirmware(options: FirmwareOptions): Promise<RunningFirmware> {
  const quickjs = await getQuickJS();
  const runtime = quickjs.newRuntime({ moduleLoader: (name) => modules[name] ?? missing(name) });
  const context = runtime.newContext();
  const origin = performance.now();
  const timers = new Map<number, NodeJS.Timeout>();
  let stream: Duplex | null = null;
  let stopped = false;
  let entered = 0;
  let disposeLater = false;

  function enter(run: () => QuickJSHandle | null): unknown {
    if (stopped) return undefined;
    entered++;
    try {
      const handle = run();
      const value: unknown = handle === null ? undefined : context.dump(handle);
      handle?.dispose();
      const jobs = runtime.executePendingJobs();
      if (jobs.error) throw errorOf(context, jobs.error);
      jobs.dispose();
      return value;
    } catch (error) {
      options.onError(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    } finally {
      entered--;
      if (disposeLater && entered === 0) dispose();
    }
  }
  // Not from inside the engine: a board's function may be what stops it.
  function dispose(): void {
    context.dispose();
    runtime.dispose();
  }
  const evaluate = (code: string) => enter(() => unwrap(context, context.evalCode(code)));
  const event = (kind: string, bytes?: Uint8Array) =>
    enter(() => {
      const receive = context.getProp(context.global, '__event');
      const name = context.newString(kind);
      const data = bytes === undefined ? context.undefined : context.newArrayBuffer(copy(bytes));
      const result = context.callFunction(receive, context.undefined, name, data);
      for (const handle of [receive, name, data]) handle.dispose();
      return unwrap(context, result);
    });

  const host: Record<string, (...handles: QuickJSHandle[]) => QuickJSHandle | undefined> = {
    __now: () => context.newNumber(performance.now() - origin),
    __arm: (id, delay) => {
      const number = context.getNumber(id as QuickJSHandle);
      const task = () => {
        timers.delete(number);
        evaluate(`__fire(${number})`);
      };
      timers.set(number, setTimeout(task, context.getNumber(delay as QuickJSHandle)));
      return undefined;
    },
    __disarm: (id) => {
      const number = context.getNumber(id as QuickJSHandle);
      clearTimeout(timers.get(number));
      timers.delete(number);
      return undefined;
    },
    __open: () => {
      stream?.destroy();
      const fresh = options.connect();
      stream = fresh;
      const mine = (run: () => void) => () => {
        if (stream === fresh) run();
      };
      const up = mine(() => event('up'));
      // A socket says when it is connected; any other stream is up as soon as it is there.
      if ('connecting' in fresh && fresh.connecting) fresh.on('connect', up);
      else setImmediate(up);
      fresh.on(
        'drain',
        mine(() => event('ready')),
      );
      fresh.on('data', (bytes: Buffer) => mine(() => event('data', bytes))());
      fresh.on('error', () => {});
      fresh.on(
        'close',
        mine(() => {
          stream = null;
          event('down');
        }),
      );
      return undefined;
    },
    __write: (bytes) => {
      if (stream === null || stream.writableNeedDrain) return context.newNumber(0);
      const lifetime = context.getArrayBuffer(bytes as QuickJSHandle);
      stream.write(Buffer.from(lifetime.value));
      const length = lifetime.value.length;
      lifetime.dispose();
      return context.newNumber(length);
    },
    __close: () => {
      stream?.destroy();
      stream = null;
      return undefined;
    },
    __log: (text) => {
      options.onLog?.(context.getString(text as QuickJSHandle));
      return undefined;
    },
  };
  for (const [name, run] of Object.entries(host)) {
    context.newFunction(name, run).consume((made) => context.setProp(context.global, name, made));
  }
  const board = context.newObject();
  for (const [name, value] of Object.entries(options.board)) {
    const handle =
      typeof value === 'function'
        ? context.newFunction(name, (...handles) =>
            toHandle(context, value(...handles.map((h) => context.dump(h) as HostValue)) ?? null),
          )
        : toHandle(context, value);
    handle.consume((made) => context.setProp(board, name, made));
  }
  board.consume((made) => context.setProp(context.global, 'board', made));
  evaluate(prelude);
  enter(() => unwrap(context, context.evalCode(options.code, 'firmware.js', { type: 'module' })));

  return {
    evaluate,
    heapBytes: () => {
      const usage = runtime.computeMemoryUsage().consume((handle) => context.dump(handle)) as {
        memory_used_size: number;
      };
      return usage.memory_used_size;
    },
    stop() {
      if (stopped) return;
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
      stream?.destroy();
      stream = null;
      if (entered === 0) dispose();
      else disposeLater = true;
    },
  };
}

/** The engine's side of link, timers and console. */
const prelude = `
let on = null, tasks = new Map(), last = 0;
globalThis.__event = (kind, data) => { if (on) kind === 'data' ? on.data(new Uint8Array(data)) : on[kind](); };
globalThis.__fire = (id) => { const task = tasks.get(id); tasks.delete(id); if (task) task(); };
globalThis.__os = {
  setTimeout(task, delay) { tasks.set(++last, task); __arm(last, delay); return last; },
  clearTimeout(id) { if (tasks.delete(id)) __disarm(id); },
  now: () => __now(),
};
globalThis.setTimeout = __os.setTimeout;
globalThis.clearTimeout = __os.clearTimeout;
const repeats = new Map();
globalThis.setInterval = (task, delay) => {
  const id = Symbol();
  const again = () => { repeats.set(id, __os.setTimeout(() => { again(); task(); }, delay)); };
  again();
  return id;
};
globalThis.clearInterval = (id) => { __os.clearTimeout(repeats.get(id)); repeats.delete(id); };
// What a firmware built for es5 asks for, sdk/engines/host.ts.
globalThis.host = {
  clock: () => Math.floor(__now()),
  after: __os.setTimeout,
  cancel: (id) => __os.clearTimeout(id),
  random: Math.random,
};
globalThis.console = { log: (...values) => __log(values.join(' ')) };
board.link = {
  open(callbacks) { on = callbacks; __open(); },
  write: (bytes) => __write(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
  close() { __close(); },
};
undefined;`;

const modules: Record<string, string> = {
  os: 'export const { setTimeout, clearTimeout, now } = globalThis.__os;',
};

function missing(name: string): { error: Error } {
  return { error: new Error(`this host has no module ${name}`) };
}

function unwrap(
  context: QuickJSContext,
  result: ReturnType<QuickJSContext['evalCode']>,
): QuickJSHandle {
  if (result.error) throw errorOf(context, result.error);
  return result.value;
}

function errorOf(context: QuickJSContext, handle: QuickJSHandle): Error {
  const { name, message, stack } = context.dump(handle) as Partial<Error>;
  handle.dispose();
  return new Error(`in the firmware: ${name}: ${message}\n${stack}`);
}

function toHandle(context: QuickJSContext, value: HostValue): QuickJSHandle {
  if (value === null) return context.null;
  if (typeof value === 'number') return context.newNumber(value);
  if (typeof value === 'string') return context.newString(value);
  if (typeof value === 'boolean') return value ? context.true : context.false;
  const object = context.newObject();
  for (const [key, part] of Object.entries(value)) {
    toHandle(context, part).consume((made) => context.setProp(object, key, made));
  }
  return object;
}

function copy(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

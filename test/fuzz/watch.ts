import { Worker } from 'node:worker_threads';
import { toHex } from './corpus.js';
import { inputBytesMax } from './mutate.js';
import type { Finding, Limits, Report } from './round.js';
import type { Seed } from './target.js';
import { headBytes, type Task, words } from './words.js';

// A round in a thread of its own, watched from outside: an input that never ends, one that takes all memory, and an exception that nobody
// awaits end the thread, and are told with the input that was being read.

export interface Result {
  report: Report;
  novel: Seed[];
}

export interface Watched {
  done: Promise<Result>;
  /** How many inputs were read. */
  count(): number;
  /** Ends it after the input at hand. */
  stop(): void;
}

/** A deadline only ends a hang. */
const hangMs = 60_000;
const heapMiB = 1_024;

export function watchRound(target: string, limits: Limits, only: Seed[] | null = null): Watched {
  const shared = new SharedArrayBuffer(headBytes + 4 * inputBytesMax);
  const head = new Int32Array(shared, 0, headBytes / 4);
  const count = () => Atomics.load(head, words.count);
  const workerData: Task = { target, limits, shared, only };
  const worker = new Worker(new URL('thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  const beganMs = performance.now();
  const done = new Promise<Result>((resolve) => {
    let seen = -1;
    let movedAtMs = beganMs;
    const end = (result: Result) => {
      clearInterval(timer);
      resolve(result);
      void worker.terminate();
    };
    const found = (kind: Finding['kind'], message: string, stack?: string) => {
      const input = new Uint8Array(shared, headBytes, head[words.length]).slice();
      const seconds = (performance.now() - beganMs) / 1_000;
      const finding = { kind, message, hex: toHex(input), ...(stack && { stack }) };
      const known = { target, seed: limits.seed, inputs: count(), seconds, outcomes: 0 };
      end({ report: { ...known, slowestMs: 0, heldBytes: 0, findings: [finding] }, novel: [] });
    };
    const timer = setInterval(() => {
      if (count() !== seen) movedAtMs = performance.now();
      seen = count();
      if (performance.now() - movedAtMs > hangMs) found('hang', `no end in ${hangMs / 1_000} s`);
    }, 1_000);
    worker.on('message', end);
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      found(isMemory ? 'memory' : 'exception', error.message, error.stack);
    });
  });
  return { done, count, stop: () => Atomics.store(head, words.isOver, 1) };
}

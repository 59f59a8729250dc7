import { next, seal } from './block.js';
import { after, cancel } from './engine.js';
import { store } from './options.js';
import { acknowledged, isRunning } from './session.js';

/** Who waits: until this seq is acknowledged, or the timer has ended it. */
let waiting: { goal: number; timer: unknown; done: (all: boolean) => void }[] = [];

let release: (() => void) | undefined;

/** Whether the store, which is told of each acknowledgement, tells those who wait. */
let isWatched = false;

/** Has a function hand over what it holds back, before those that were named earlier: it may hand on to them. */
export const beforeFlush = (task: () => void): void => {
  const earlier = release;
  release = () => {
    task();
    if (earlier) earlier();
  };
};

/**
 * Sends what was accepted so far, and what reducers hold, at once, and calls `done(true)` when the proxy has acknowledged all of it, or
 * `done(false)` when the time has passed; it is then still held and still sent.
 */
export const flush = (done: (all: boolean) => void, timeoutMs?: number): void => {
  if (release) release();
  const waiter = {
    goal: next,
    done,
    timer: after(() => finish(waiter, false), timeoutMs ?? 30000),
  };
  waiting.push(waiter);
  seal();
  check();
  if (waiting.length && !isWatched) {
    isWatched = true;
    const forget = store.forget;
    store.forget = (seq) => {
      forget(seq);
      check();
    };
  }
};

const finish = (waiter: (typeof waiting)[0], all: boolean): void => {
  cancel(waiter.timer);
  // What `done` does may end others, while check() still goes through all that waited.
  waiter.goal = Infinity;
  waiting = waiting.filter((other) => other !== waiter);
  waiter.done(all);
};

const check = (): void => {
  for (const waiter of waiting) if (isRunning && acknowledged >= waiter.goal) finish(waiter, true);
};

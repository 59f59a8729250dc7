// Virtual time for a whole site: one queue of tasks, run one after the other in the order of their time. After each task every promise
// that it settled is followed to its end before the next one runs. Nothing else makes anything happen, so that a run is the same each time.

interface Task {
  atMs: number;
  order: number;
  run: (() => void) | null;
}

export class Scheduler {
  nowMs = 0;
  /** Tasks run so far. */
  ran = 0;
  #order = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Task[] = [];

  /** Runs `task` once; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void {
    const entry: Task = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: ++this.#order,
      run: task,
    };
    this.#push(entry);
    return () => {
      entry.run = null;
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Runs the next task, if it is due by then; false: there is none, and the time is now that. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#pop();
      if (next.run === null) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.ran++;
      next.run();
      await settled();
      return true;
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
    return false;
  }

  /** When the next task is due; null: nothing waits. */
  get nextMs(): number | null {
    while (this.#heap[0]?.run === null) this.#pop();
    return this.#heap[0]?.atMs ?? null;
  }

  #push(entry: Task): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

/**
 * The time of one process: when it dies, nothing of it runs any more; while it is frozen, what is due waits until it thaws. A
 * thread lives within its process.
 */
export class Life {
  readonly scheduler: Scheduler;
  readonly #within: Life | null;
  #isDead = false;
  #isFrozen = false;
  #waiting: (() => void)[] = [];
  /** Times that it went on: each is a point at which it can be killed. */
  resumed = 0;
  onResumed: () => void = () => {};

  constructor(scheduler: Scheduler, within: Life | null = null) {
    this.scheduler = scheduler;
    this.#within = within;
  }

  get isDead(): boolean {
    return this.#isDead || this.#within?.isDead === true;
  }

  after(delayMs: number, task: () => void): () => void {
    let isCancelled = false;
    const cancel = this.scheduler.after(delayMs, () => {
      this.run(() => {
        if (!isCancelled) task();
      });
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Now, when it thaws, or never. */
  run(task: () => void): void {
    if (this.isDead) return;
    if (this.#isFrozen) {
      this.#waiting.push(task);
      return;
    }
    const count = () => {
      this.resumed++;
      // It may end here, at the very point at which it would have gone on.
      this.onResumed();
      if (!this.isDead) task();
    };
    if (this.#within === null) count();
    else this.#within.run(count);
  }

  kill(): void {
    this.#isDead = true;
    this.#waiting = [];
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const task of this.#waiting.splice(0)) this.after(0, task);
  }
}

/** Every promise that can settle without another task has settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

// One queue for every timer of every device, and one timer of Node's behind it. A binary heap in which each task knows its place, so
// that a cancelled one is taken out: the SDK cancels nearly every timer that it sets.
//
// Invariant: heap[task.place] is the task; a task with place −1 is in no heap.

import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface Task {
  dueMs: number;
  order: number;
  place: number;
  run: () => void;
}

/** Longer than this and sockets would wait for tasks. */
const turnMs = 8;

export class Scheduler {
  /** As performance.now() counts; looked up once for each task that runs. */
  nowMs = performance.now();
  /** How late tasks ran, µs: the simulator's own share of every delay. */
  readonly lateness: RecordableHistogram = createHistogram();
  readonly #heap: Task[] = [];
  #order = 0;
  #timer: NodeJS.Timeout | undefined;
  #armedMs = Number.POSITIVE_INFINITY;
  #isRunning = false;
  #isStopped = false;

  get waiting(): number {
    return this.#heap.length;
  }

  after(delayMs: number, run: () => void): Task {
    return this.at(performance.now() + Math.max(0, delayMs), run);
  }

  at(dueMs: number, run: () => void): Task {
    const task: Task = { dueMs, order: ++this.#order, place: this.#heap.length, run };
    this.#heap.push(task);
    this.#rise(task);
    if (!this.#isRunning) this.#arm();
    return task;
  }

  cancel(task: Task): void {
    const { place } = task;
    if (place < 0) return;
    task.place = -1;
    const last = this.#heap.pop()!;
    if (last === task) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** Nothing runs any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const next = this.#heap[0];
    if (this.#isStopped || next === undefined || next.dueMs >= this.#armedMs) return;
    clearTimeout(this.#timer);
    this.#armedMs = next.dueMs;
    this.#timer = setTimeout(this.#turn, Math.max(0, next.dueMs - performance.now()));
  }

  readonly #turn = (): void => {
    this.#armedMs = Number.POSITIVE_INFINITY;
    this.#isRunning = true;
    const beganMs = performance.now();
    for (;;) {
      this.nowMs = performance.now();
      const task = this.#heap[0];
      if (task === undefined || task.dueMs > this.nowMs || this.#isStopped) break;
      if (this.nowMs - beganMs > turnMs) {
        this.#isRunning = false;
        setImmediate(this.#turn);
        return;
      }
      this.lateness.record(Math.max(1, Math.round((this.nowMs - task.dueMs) * 1000)));
      this.cancel(task);
      task.run();
    }
    this.#isRunning = false;
    this.#arm();
  };

  #put(task: Task, place: number): void {
    this.#heap[place] = task;
    task.place = place;
  }

  #rise(task: Task): void {
    while (task.place > 0) {
      const { place } = task;
      const parent = this.#heap[(place - 1) >> 1]!;
      if (!isBefore(task, parent)) return;
      this.#put(task, parent.place);
      this.#put(parent, place);
    }
  }

  #sink(task: Task): void {
    for (;;) {
      const { place } = task;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const least = right !== undefined && isBefore(right, left!) ? right : left;
      if (least === undefined || !isBefore(least, task)) return;
      this.#put(task, least.place);
      this.#put(least, place);
    }
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}

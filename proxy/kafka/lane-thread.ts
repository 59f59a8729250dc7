// The main thread's end of a lane that runs in a worker thread: reading back, decoding and the Kafka
// client never delay an ack. Looks like the lane itself; a worker that is silent or ends without
// having been told is replaced, which the fence makes safe while the old one still lives.
// KAFKA.md [K-35]

import { Worker } from 'node:worker_threads';
import type { Position, TableRecord } from '../journal/record.js';
import type { LaneStateName } from './lane-state.js';
import type { Lane, LaneEnd, LaneEvent, LaneStart } from './lane-types.js';

export interface LaneThreadOptions extends LaneStart {
  /** The worker's file, and how long a silence is one: for tests. */
  worker?: URL;
  silenceMs?: number;
}

/** What a worker is born with: what a message can carry. */
export interface LaneWorkerData extends Omit<LaneStart, 'tables' | 'clock' | 'on'> {
  tables: TableRecord[];
  beatMs: number;
}

export type ToLaneWorker = { kind: 'synced-end'; end: number } | { kind: 'stop' };
export type FromLaneWorker = LaneEvent | { kind: 'beat' } | { kind: 'done'; end: LaneEnd };

const silenceDefaultMs = 10_000;
/** Looks per silence. Looks are counted, not time: a suspended process must not replace its lanes. */
const looks = 10;
const tellsPerLinger = 4;
const stopTimeoutMs = 12_000;
const replaceBackoffMs = 1000;

export function startLaneThread(options: LaneThreadOptions): Lane {
  return new Thread(options);
}

class Thread implements Lane {
  readonly #options: LaneThreadOptions;
  readonly #lookMs: number;
  readonly done: Promise<LaneEnd>;
  state: LaneStateName = 'starting';
  #finish: (end: LaneEnd) => void = () => {};
  #worker: Worker | null = null;
  #confirmed: Position | null;
  #end = 0;
  #quietLooks = 0;
  #stopping = false;
  #cancelLook = () => {};
  #cancelReplace = () => {};
  #cancelTell: (() => void) | null = null;

  constructor(options: LaneThreadOptions) {
    this.#options = options;
    this.#confirmed = options.confirmed;
    this.#lookMs = (options.silenceMs ?? silenceDefaultMs) / looks;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#spawn();
    this.#look();
  }

  /** The worker lingers for a batch anyhow: it is told at most a few times in that. */
  syncedEnd(end: number): void {
    this.#end = Math.max(this.#end, end);
    if (this.#cancelTell !== null) return;
    this.#tellEnd();
    const { clock, kafka } = this.#options;
    if (kafka.lingerMs === 0) return;
    const told = this.#end;
    this.#cancelTell = clock.after(kafka.lingerMs / tellsPerLinger, () => {
      this.#cancelTell = null;
      if (this.#end > told) this.syncedEnd(this.#end);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#worker === null) this.#over('stopped');
    else this.#tell({ kind: 'stop' });
    const cancel = this.#options.clock.after(stopTimeoutMs, () => this.#over('stopped'));
    await this.done;
    cancel();
  }

  #spawn(): void {
    const { tables, clock, on, worker: file, silenceMs, ...start } = this.#options;
    const workerData: LaneWorkerData = {
      ...{ ...start, confirmed: this.#confirmed, tables: tables(), beatMs: this.#lookMs },
    };
    const worker = new Worker(file ?? new URL('./lane-worker.js', import.meta.url), { workerData });
    this.#worker = worker;
    this.#quietLooks = 0;
    worker.on('message', (message: FromLaneWorker) => {
      if (worker === this.#worker) this.#take(message);
    });
    worker.on('error', (error) => this.#replace(worker, `failed: ${error.message}`));
    worker.on('exit', (code) => this.#replace(worker, `ended with exit code ${code}`));
    this.#tellEnd();
  }

  #take(message: FromLaneWorker): void {
    this.#quietLooks = 0;
    if (message.kind === 'beat') return;
    if (message.kind === 'done') {
      this.#over(message.end);
      return;
    }
    if (message.kind === 'state') this.state = message.state;
    if (message.kind === 'committed') this.#confirmed = message.position;
    this.#options.on(message);
  }

  /** What it said and we have not heard is counted again by its successor. KAFKA.md [K-23] */
  #replace(worker: Worker, why: string): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    void worker.terminate();
    if (this.#stopping) {
      this.#over('stopped');
      return;
    }
    const text = `lane ${this.#options.lane}: its thread ${why}; starting a new one`;
    this.#options.on({ kind: 'line', level: 'error', text });
    this.#options.on({ kind: 'count', what: 'restarts' });
    this.state = 'waiting';
    this.#options.on({ kind: 'state', state: 'waiting' });
    this.#cancelReplace = this.#options.clock.after(replaceBackoffMs, () => {
      if (!this.#stopping) this.#spawn();
    });
  }

  #look(): void {
    this.#cancelLook = this.#options.clock.after(this.#lookMs, () => {
      this.#look();
      const worker = this.#worker;
      if (worker === null || ++this.#quietLooks <= looks) return;
      this.#replace(worker, `was silent for ${(this.#lookMs * looks) / 1000} s`);
    });
  }

  #over(end: LaneEnd): void {
    const worker = this.#worker;
    this.#worker = null;
    this.#cancelLook();
    this.#cancelReplace();
    this.#cancelTell?.();
    void worker?.terminate();
    this.state = end;
    this.#finish(end);
  }

  #tellEnd(): void {
    this.#tell({ kind: 'synced-end', end: this.#end });
  }

  #tell(message: ToLaneWorker): void {
    this.#worker?.postMessage(message);
  }
}

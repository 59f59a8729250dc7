import type { Clock } from '../../proxy/clock.js';
import type { Disk } from '../../proxy/disk.js';
import type { Position } from '../../proxy/journal/record.js';
import { joinLane } from '../../proxy/kafka/lane-parts.js';
import type { LaneStateName } from '../../proxy/kafka/lane-state.js';
import type { Lane, LaneEnd, LaneEvent, LaneStart } from '../../proxy/kafka/lane-types.js';
import type { ModelBroker } from './model-broker.js';
import type { ModelNetwork } from './model-network.js';
import { createModelSink, type SinkDefects } from './model-sink.js';
import { Life } from './scheduler.js';
import type { Trace } from './trace.js';

// The lane in a thread of its own, as lane-thread.ts has it: what the two say to one another takes time and is lost with the thread; a thread
// that hangs is replaced, while what it sent may still be on its way.

export interface SiteLaneParts {
  options: LaneStart;
  life: Life;
  disk: Disk;
  trace: Trace;
  broker: ModelBroker;
  network: ModelNetwork;
  defects: () => SinkDefects;
  clockOf(thread: Life): Clock;
}

const messageMs = 0.1;

export class SiteLane implements Lane {
  state: LaneStateName = 'starting';
  readonly done: Promise<LaneEnd>;
  readonly #parts: SiteLaneParts;
  #finish: (end: LaneEnd) => void = () => {};
  #thread: Life;
  #running: Lane | null = null;
  #confirmed: Position | null;
  #end = 0;
  #isStopping = false;

  /** What it sent, and not what it found in Kafka. */
  commits = 0;

  /** What Kafka is known to have. */
  get confirmedEnd(): number {
    return this.#confirmed?.end ?? 0;
  }

  constructor(parts: SiteLaneParts) {
    this.#parts = parts;
    this.#confirmed = parts.options.confirmed;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#thread = this.#spawn();
  }

  syncedEnd(end: number): void {
    this.#end = Math.max(this.#end, end);
    this.#tell((lane) => lane.syncedEnd(this.#end));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#tell((lane) => void lane.stop());
    await this.done;
  }

  /** The thread does nothing for a while: it goes on, or is replaced. */
  hang(forMs: number, isReplaced: boolean): void {
    const thread = this.#thread;
    this.#parts.trace.say('lane', `hangs${isReplaced ? ' and is replaced' : ''}`);
    thread.freeze();
    this.#parts.life.after(forMs, () => {
      if (!isReplaced) thread.thaw();
      else if (thread === this.#thread && this.#running !== null) {
        thread.kill();
        if (this.#isStopping) {
          this.#running = null;
          this.state = 'stopped';
          this.#finish('stopped');
          return;
        }
        this.state = 'waiting';
        this.#thread = this.#spawn();
      }
    });
  }

  #spawn(): Life {
    const { options, life, disk, trace, broker, network, defects, clockOf } = this.#parts;
    const thread = new Life(life.scheduler, life);
    const { site, lane, proxy, journalFolder, journalId, kafka, ack, host, begin, passedBytesMax } =
      options;
    const joined = joinLane({
      data: {
        ...{ site, lane, proxy, journalFolder, journalId, kafka, ack, host, begin, passedBytesMax },
        confirmed: this.#confirmed,
        tables: options.tables(),
      },
      clock: clockOf(thread),
      disk: diskOf(thread, disk),
      openSink: (at) =>
        createModelSink({ site, lane: at, life: thread, broker, network, defects: defects() }),
      on: (event) => {
        if (event.kind === 'state') trace.say('lane', event.state);
        life.after(messageMs, () => this.#take(thread, event));
      },
    });
    this.#running = joined.lane;
    joined.lane.syncedEnd(this.#end);
    void joined.lane.done.then(async (end) => {
      await joined.close();
      life.after(messageMs, () => {
        if (thread !== this.#thread) return;
        this.#running = null;
        this.state = end;
        this.#finish(end);
      });
    });
    return thread;
  }

  #take(thread: Life, event: LaneEvent): void {
    if (thread !== this.#thread) return;
    if (event.kind === 'state') this.state = event.state;
    if (event.kind === 'committed') {
      this.#confirmed = event.position;
      if (!event.recovered) this.commits++;
      this.#parts.trace.say('lane', `committed up to ${event.position.end}`);
    }
    this.#parts.options.on(event);
  }

  #tell(what: (lane: Lane) => void): void {
    const running = this.#running;
    if (running !== null) this.#thread.after(messageMs, () => what(running));
  }
}

/** What a thread that is no more had asked is not answered. */
function diskOf(thread: Life, disk: Disk): Disk {
  const answered = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } finally {
      await new Promise<void>((resolve) => thread.run(resolve));
    }
  };
  return {
    ...disk,
    list: (path) => answered(disk.list(path)),
    open: async (path, mode) => {
      const file = await answered(disk.open(path, mode));
      return { ...file, read: (position, length) => answered(file.read(position, length)) };
    },
  };
}

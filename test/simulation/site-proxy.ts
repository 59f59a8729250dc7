import { Buffer } from 'node:buffer';
import type { Balance } from '../../proxy/books.js';
import type { Clock } from '../../proxy/clock.js';
import { type Config, parseConfig } from '../../proxy/config.js';
import type { Disk, DiskFile } from '../../proxy/disk.js';
import type { Doors } from '../../proxy/doors.js';
import { JournalError } from '../../proxy/journal/error.js';
import type { Accept } from '../../proxy/listeners/channel.js';
import type { Log } from '../../proxy/log.js';
import { type Pipeline, startPipeline } from '../../proxy/pipeline.js';
import type { SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import type { Random } from '../random.js';
import type { ModelBroker } from './model-broker.js';
import type { ModelNetwork } from './model-network.js';
import type { SinkDefects } from './model-sink.js';
import { Life, type Scheduler } from './scheduler.js';
import { SiteLane } from './site-lane.js';
import type { Trace } from './trace.js';

// One process of the proxy on the site's disk: the pipeline as it ships, with virtual time, a door that the site's links lead to, and
// every call to the disk a point at which it can be killed.

export const siteName = 'hall';
export const folder = '/journal';

export interface ProxyShape {
  bytesMax: number;
  segmentBytes: number;
  recordsMax: number;
  lanes: number;
}

export interface ProxyParts {
  scheduler: Scheduler;
  random: Random;
  trace: Trace;
  broker: ModelBroker;
  network: ModelNetwork;
  disk: SimulatedDisk;
  shape: ProxyShape;
  /** Ahead of the true time. */
  wallMs: () => number;
  defects: () => SinkDefects;
  /** The door is open. */
  listens(accept: Accept): void;
  closes(): void;
}

export class SiteProxy {
  readonly life: Life;
  readonly disk: SimulatedDisk;
  /** As many as the journal has. */
  readonly lanes: SiteLane[] = [];
  pipeline: Pipeline | null = null;
  /** Why it ended by itself. */
  ended: 'refused by the disk' | 'halted' | 'failed' | null = null;
  failure: unknown = null;
  readonly #parts: ProxyParts;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    this.disk = parts.disk;
    this.life = new Life(parts.scheduler);
    void this.#start();
  }

  /** What each lane is known to have in Kafka; 0 before there is one. */
  get confirmedEnd(): number {
    const ends = this.lanes.map((lane) => lane.confirmedEnd);
    return ends.length === 0 ? 0 : Math.min(...ends);
  }

  async stop(): Promise<Balance> {
    return this.pipeline!.stop();
  }

  kill(): void {
    this.life.kill();
    this.disk.off();
  }

  async #start(): Promise<void> {
    const { life } = this;
    const { random, trace, broker, network } = this.#parts;
    const clock = clockOf(life, this.#parts);
    const disk = slowDisk(life, this.disk.disk, random.fork());
    try {
      const pipeline = await startPipeline({
        ...{ config: configOf(this.#parts.shape), clock, disk, host: 'simulated' },
        log: logOf(trace),
        doors: this.#doors(),
        startLane: (options) => {
          const { defects } = this.#parts;
          const lane = new SiteLane({
            ...{ options, life, disk, trace, broker, network, defects },
            clockOf: (thread) => clockOf(thread, this.#parts),
          });
          this.lanes.push(lane);
          return lane;
        },
      });
      trace.say('proxy', 'is up');
      this.pipeline = pipeline;
      void pipeline.halted.then((why) => {
        this.ended = 'halted';
        this.failure = why;
      });
    } catch (error) {
      if (life.isDead) return;
      const isOfDisk = error instanceof JournalError && error.kind === 'disk';
      this.ended = isOfDisk ? 'refused by the disk' : 'failed';
      this.failure = error;
      trace.say('proxy', `does not start: ${(error as Error).message}`);
    }
  }

  #doors(): Doors {
    const { life } = this;
    const { listens, closes } = this.#parts;
    const closed = { close: async () => {} };
    return {
      createMetrics: () => ({
        page: async () => ({ contentType: '', text: '' }),
        count: () => {},
        fsync: () => {},
      }),
      startHttp: async () => ({ port: 0, ...closed }),
      async listenTcp({ accept }) {
        listens((channel) => {
          const handler = accept({
            ...channel,
            send: (bytes) => {
              if (!life.isDead) channel.send(bytes);
            },
          });
          return {
            received: (bytes) => {
              const copy = bytes.slice();
              life.run(() => handler.received(copy));
            },
            closed: () => life.run(() => handler.closed()),
          };
        });
        return {
          port: 0,
          channels: 0,
          async close() {
            closes();
          },
        };
      },
      listenTls: async () => ({ port: 0, channels: 0, ...closed }),
      listenUdp: async () => ({ port: 0, channels: 0, ...closed }),
      listenSerial: async () => ({ channels: 0, states: () => new Map(), ...closed }),
    };
  }
}

let parsed: Config | null = null;

function configOf({ bytesMax, segmentBytes, recordsMax, lanes }: ProxyShape): Config {
  parsed ??= parseConfig(
    `site: ${siteName}\njournal: { folder: ${folder} }\nlisten: { tcp: { auth: none } }\nkafka: { brokers: ['model:9092'] }\n` +
      'limits: { windowEvents: 64, windowBytes: 4096 }\n',
    'site.yaml',
  );
  return {
    ...parsed,
    journal: { ...parsed.journal, folder, bytesMax, segmentBytes },
    kafka: { ...parsed.kafka!, recordsMax, lanes },
  };
}

function clockOf(life: Life, { scheduler, random, wallMs }: ProxyParts): Clock {
  const dice = random.fork();
  return {
    nowMs: () => Math.floor(wallMs()),
    monotonicMs: () => scheduler.nowMs + 5_000,
    after: (delayMs, task) => life.after(delayMs, task),
    random: (byteCount) => dice.bytes(byteCount),
  };
}

function logOf(trace: Trace): Log {
  const say = (level: string) => (fields: object, message: string) =>
    trace.say('proxy', `${level} ${message} ${JSON.stringify(fields)}`);
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

/** Each call takes time before and behind what it does; nothing answers a process that is no more. */
function slowDisk(life: Life, disk: Disk, random: Random): Disk {
  const slow = async <T>(work: () => Promise<T>): Promise<T> => {
    await life.sleep(random.next() * 0.5);
    try {
      return await work();
    } finally {
      await life.sleep(random.next() * (random.chance(0.05) ? 30 : 1));
    }
  };
  const file = (one: DiskFile): DiskFile => ({
    read: (position, length) => slow(() => one.read(position, length)),
    write: (position, bytes) => slow(() => one.write(position, bytes)),
    sync: () => slow(() => one.sync()),
    size: () => one.size(),
    allocate: (length) => slow(() => one.allocate(length)),
    close: () => one.close(),
  });
  return {
    makeFolder: (path) => disk.makeFolder(path),
    list: (path) => slow(() => disk.list(path)),
    create: (path) => slow(async () => file(await disk.create(path))),
    open: async (path, mode) => file(await disk.open(path, mode)),
    remove: (path) => slow(() => disk.remove(path)),
    syncFolder: (path) => slow(() => disk.syncFolder(path)),
    freeBytes: (path) => disk.freeBytes(path),
    lock: (path) => disk.lock(path),
  };
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

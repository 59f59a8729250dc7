import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { sdkFactory } from 'headwater/instance';
import type { Bus, Clock, LineSettings, Log, Outcomes } from 'headwater/lines';
import type { Link } from 'headwater/link';
import { nodeStream } from 'headwater/links/node-stream';
import { Meter } from './meter.js';

// All meters of a gateway: each has a file in the store, a connection of its own to the proxy, and the bus of its line when that is open.

export interface MetersOptions {
  lines: readonly LineSettings[];
  /** The folder of their files. */
  store: string;
  storeBytes: number;
  retryBackoffMs: number;
  /** A way to the proxy, for each meter one. */
  link(): Link;
  clock: Clock;
  log: Log;
  outcomes: Outcomes;
}

/** A meter's file can't be used; the message says which, and what to do. */
export class StoreError extends Error {
  override name = 'StoreError';
}

const keepAliveMs = 10_000;
const zeros = new Uint8Array(65_536);

export function linkTo(host: string, port: number): () => Link {
  const options = {
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  };
  return () => nodeStream(() => connect(options));
}

export class Meters {
  readonly #options: MetersOptions;
  /** Lines that are open, by what the configuration says of them. */
  readonly #buses = new Map<LineSettings, Bus>();
  readonly #meters = new Map<LineSettings, Meter[]>();

  constructor(options: MetersOptions) {
    this.#options = options;
  }

  get all(): readonly Meter[] {
    return [...this.#meters.values()].flat();
  }

  /** For `keepLines`. */
  opened(line: LineSettings, bus: Bus): void {
    this.#buses.set(line, bus);
    for (const meter of this.#meters.get(line) ?? []) meter.bus = bus;
  }

  /** To be called by one process only: two would write into the same files. Rejects with a StoreError. */
  async start(): Promise<void> {
    const { lines, store, storeBytes, ...options } = this.#options;
    const instantiate = await sdkFactory();
    for (const line of lines) {
      const meters: Meter[] = [];
      this.#meters.set(line, meters);
      for (const settings of line.bus?.modbus ?? []) {
        const file = join(store, `${settings.device}.events`);
        try {
          mkdirSync(store, { recursive: true });
          const bytes = sizeOf(file) || reserve(file, storeBytes);
          const link = options.link();
          meters.push(
            new Meter({ ...options, settings, link, instantiate, file, storeBytes: bytes }),
          );
        } catch (error) {
          this.close();
          const why = error instanceof Error ? error.message : `${error}`;
          throw new StoreError(`store: can't use ${file}: ${why}`);
        }
      }
      const bus = this.#buses.get(line);
      if (bus !== undefined) this.opened(line, bus);
    }
  }

  close(): void {
    for (const meter of this.all) meter.close();
  }
}

/** A disk that is full is met here, and not in an outage of days: what is written later has its place already. */
function reserve(file: string, sizeBytes: number): number {
  const fresh = `${file}.new`;
  const descriptor = openSync(fresh, 'w');
  try {
    for (let at = 0; at < sizeBytes; at += zeros.length) {
      writeSync(descriptor, zeros, 0, Math.min(zeros.length, sizeBytes - at));
    }
    fsyncSync(descriptor);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh);
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return sizeBytes;
}

/** A file that is there keeps its size: where a sector lies depends on it. */
function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

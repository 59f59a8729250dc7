// What the simulator and the proof's reader, a process of its own, say to each other.

import type { LoginSettings } from 'headwater/site';

export interface ReaderOrder {
  brokers: string[];
  /** kafka.ssl and kafka.sasl of the site. */
  login: LoginSettings;
  /** Where the events go. */
  topic: string;
  loss: string;
  /** Looked at where it exists. */
  dead: string;
  value: 'json' | 'cbor';
  /** Partitions of the topics that are missing, which it then makes; null: it says which they are. */
  create: number | null;
  /** Only keys that begin with it are handed on. */
  namePrefix: string;
}

export interface Found {
  /** The place of its name in what the reader named. */
  device: number;
  boot: number;
  seq: number;
  hash: number;
  timestampMs: number;
}

export interface Loss {
  device: string;
  boot: number;
  from: number;
  /** Null: to the boot's end. */
  to: number | null;
  reason: string;
}

export type ToReader = { kind: 'order'; order: ReaderOrder } | { kind: 'settle' };

export type FromReader =
  | { kind: 'ready'; created: string[] }
  | { kind: 'missing'; topics: string[] }
  | { kind: 'failed'; why: string }
  /** It goes on by itself. */
  | { kind: 'trouble'; why: string }
  /** Everything was read that was committed when it was asked. */
  | { kind: 'settled' }
  | {
      kind: 'records';
      /** ms since 1970: when they were there. */
      atMs: number;
      /** Met for the first time. */
      names: string[];
      /** `recordBytes` each. */
      records: Uint8Array;
      losses: Loss[];
      letters: { device: string; id: string; why: string }[];
      unreadable: { device: string; topic: string }[];
      others: number;
    };

const recordBytes = 24;

export class RecordWriter {
  #view = new DataView(new ArrayBuffer(recordBytes * 64));
  #length = 0;

  add({ device, boot, seq, hash, timestampMs }: Found): void {
    if (this.#length + recordBytes > this.#view.byteLength) {
      const larger = new Uint8Array(this.#view.byteLength * 2);
      larger.set(new Uint8Array(this.#view.buffer));
      this.#view = new DataView(larger.buffer);
    }
    const at = this.#length;
    this.#view.setUint32(at, device);
    this.#view.setUint32(at + 4, boot);
    this.#view.setUint32(at + 8, seq);
    this.#view.setUint32(at + 12, hash);
    this.#view.setFloat64(at + 16, timestampMs);
    this.#length += recordBytes;
  }

  /** A copy of what was added since the last. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#view.buffer.slice(0, this.#length));
    this.#length = 0;
    return taken;
  }
}

export function* readRecords(bytes: Uint8Array): Generator<Found> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += recordBytes) {
    yield {
      device: view.getUint32(at),
      boot: view.getUint32(at + 4),
      seq: view.getUint32(at + 8),
      hash: view.getUint32(at + 12),
      timestampMs: view.getFloat64(at + 16),
    };
  }
}

// session → journal ⇒ ack: the proxy's only durable state. (Interface first; JOURNAL.md is the specification.)
// Invariant of every place: committed ≤ durable ≤ received.

import type { BlockRecord, LossRecord, Position, TableId, TableRecord } from './record.js';

/** How far a device's boot has come. Seqs: everything below is received / durable. */
export interface Place {
  boot: number;
  received: number;
  durable: number;
  /** CRC-32 of the block with seq 0, where one arrived: PROTOCOL.md, "Fingerprints". */
  fingerprint: number | null;
  /** Latest event time given out, ms; later blocks never go below it. */
  lastTimeMs: number;
}

/** What changed at one completed fsync. */
export interface Synced {
  /** Everything below is durable and may be read by the lanes. */
  end: number;
  /** device → boots whose durable place moved, or (empty) whose tables became durable. */
  touched: Map<string, Set<number>>;
}

export interface Journal {
  /** 32 hex digits. */
  readonly id: string;
  readonly generation: number;
  readonly lanes: number;
  /** Below the cap, and the last write and fsync worked. While false no credit is granted. */
  readonly writable: boolean;
  /** One line that says why not, for the log and /readyz; null while writable. */
  readonly trouble: string | null;
  /** Bytes in segments, and the cap. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Bytes appended and not yet synced: a bound on the sessions' memory. */
  readonly pendingBytes: number;
  /** Every record below it was part of a completed fsync. */
  readonly syncedEnd: number;

  /** The device's places, by boot. Null where it was never seen. Live objects: read, don't write. */
  places(device: string): ReadonlyMap<number, Readonly<Place>> | null;
  /** A table's bytes, received or durable. */
  table(device: string, id: TableId): { bytes: Uint8Array; durable: boolean } | null;
  /** All of them, for the lanes' start. */
  tables(): TableRecord[];
  devices(): IterableIterator<string>;

  /**
   * Takes the record and moves the place's `received`; the group's fsync comes by itself soon.
   * False when it can't be taken now (full, failed, or pendingBytes at its bound): nothing changed.
   */
  append(record: BlockRecord | LossRecord | TableRecord): boolean;
  /** A HELLO no longer lists these boots: forgets their places (kept at least while uncommitted). */
  forget(device: string, boots: number[]): void;
  /** Kafka committed up to `position`; written lazily, lets segments go. */
  confirm(position: Position, committed: [device: string, events: number][]): void;
  /** The lane's last confirmed position in this journal, null where nothing was. */
  confirmed(lane: number): Position | null;

  /** After each completed fsync. */
  onSynced(listener: (synced: Synced) => void): void;
  /** After a failed fsync: received fell back to durable; every session must end. */
  onFailed(listener: (error: Error) => void): void;
  /** When `writable` changes. */
  onWritable(listener: (writable: boolean) => void): void;

  /** Syncs what is pending, writes a checkpoint, releases the lock. */
  close(): Promise<void>;
}

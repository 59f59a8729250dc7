// session → journal ⇒ ack: the proxy's only durable state. (Interface first; JOURNAL.md is the specification.)
// Invariant of every place: committed ≤ durable ≤ received.

/**
 * Refuses with a JournalError, having changed nothing, what is not this journal: `locked`, `newer`,
 * `foreign`, `mismatch`, `damaged`. A full disk is no refusal: it opens with `writable` false.
 */
export function openJournal(options: JournalOptions): Promise<Journal> {
  return openFileJournal(options);
}

export interface JournalOptions {
  folder: string;
  disk: Disk;
  clock: Clock;
  /** The cap of all segments together. */
  bytesMax: number;
  /** How long segments stay that every lane has passed, while the cap has room: 0. */
  keepCommittedMs?: number;
  /** A segment's size: 16 MiB, and at most a quarter of bytesMax. */
  segmentBytes?: number;
  /** 1. As many as are wanted; those there are stay while something waits for Kafka ([J-6]). */
  lanes?: number;
  /** The least from one group's begin to the next one's, while little waits: 0. */
  groupIntervalMs?: number;
  /** How long a confirmation waits for a group to ride with: 200. */
  confirmDelayMs?: number;
  /** Bytes appended and not yet synced at which `append` answers false: 8 MiB. */
  pendingBytesMax?: number;
  books?: Books;
  /** What the opening passed over. */
  onDamage?: OnDamage;
}

/**
 * Counts that live and die with the journal: stored in each checkpoint, brought up to date by
 * replay. Each record is told once, in the journal's order, when it is first synced.
 */
export interface Books {
  synced(record: DeviceRecord): void;
  confirmed(
    lane: number,
    committed: readonly [device: string, events: number][],
    dropped: readonly Dropped[],
  ): void;
  /** Events whose record is damaged: its neighbours say that it was there. */
  damaged(device: string, events: number): void;
  /** Anything that is JSON, byte arrays allowed. */
  snapshot(): unknown;
  /** Throws RangeError where it is no snapshot. */
  restore(snapshot: unknown): void;
}

import type { Clock } from '../clock.js';
import type { Disk } from '../disk.js';
import type { OnDamage } from './damage.js';
import type { LaneCount } from './lane.js';
import { openFileJournal } from './open.js';
import type { DeviceRecord, Dropped, Position, TableId, TableRecord } from './record.js';

/** How far a device's boot has come. Seqs: everything below is received / durable. */
export interface Place {
  boot: number;
  received: number;
  durable: number;
  /** CRC-32 of the block with seq 0, where one arrived: PROTOCOL.md, "Fingerprints". */
  fingerprint: number | null;
  /** Latest event time given out, ms; later blocks do not go below it. */
  lastTimeMs: number;
  /** offsetMs of the newest block whose time was known, null before: what the boot's uptime was. */
  offsetMs: number | null;
  /** Its end was said as `tail-unknown`, and nothing came of it since. */
  ended: boolean;
}

/**
 * Why nothing is taken: the cap is reached; the disk is full; a write or fsync failed otherwise; it was
 * closed.
 */
export type JournalTrouble = 'cap' | 'no-space' | 'disk-error' | 'closed';

/** What changed at one completed fsync. */
export interface Synced {
  /** Everything below is durable and may be read by the lanes. */
  end: number;
  /** device → boots whose durable place moved, or (empty) whose tables became durable. */
  touched: Map<string, Set<number>>;
}

export interface Journal extends Readonly<LaneCount> {
  /** 32 hex digits. */
  readonly id: string;
  readonly generation: number;
  /** Below the cap, and the last write and fsync worked. While false no credit is granted. */
  readonly writable: boolean;
  /** One line that says why not, for the log and /readyz; null while writable. */
  readonly trouble: string | null;
  readonly troubleKind: JournalTrouble | null;
  /** Bytes in segments, and the cap. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Of them, what every lane has passed: kept for `headwater journal resend`, and gone when room is wanted. */
  readonly keptBytes: number;
  /** Bytes appended and not yet synced: a bound on the sessions' memory. */
  readonly pendingBytes: number;
  readonly pendingBytesMax: number;
  /** Every record below it was part of a completed fsync. */
  readonly syncedEnd: number;

  /** The device's places, by boot. Null where it was never seen. Live objects: read, don't write. */
  places(device: string): ReadonlyMap<number, Readonly<Place>> | null;
  /** Where the place's newest durable record begins; null where it has none. */
  newestOffset(device: string, boot: number): number | null;
  /** A table's bytes, received or durable. */
  table(device: string, id: TableId): { bytes: Uint8Array; durable: boolean } | null;
  /** How many of its firmwares are known. */
  tableCount(device: string): number;
  /** All of them, for the lanes' start. */
  tables(): TableRecord[];
  devices(): IterableIterator<string>;

  /**
   * Takes the record and moves the place's `received`; the group's fsync comes by itself soon.
   * False when it can't be taken now (full, failed, or pendingBytes at its bound): nothing changed.
   * A block or loss begins where its place's `received` stands; throws RangeError where not.
   */
  append(record: DeviceRecord): boolean;
  /**
   * A HELLO no longer lists these boots: forgets their places once Kafka holds all their events.
   * The wish is lost with the process (the next HELLO says it again); the forgetting is durable.
   */
  forget(device: string, boots: number[]): void;
  /** Kafka committed up to `position`; written lazily, lets segments go. */
  confirm(
    position: Position,
    committed: [device: string, events: number][],
    dropped?: readonly Dropped[],
  ): void;
  /** The lane's last confirmed position in this journal, null where nothing was. */
  confirmed(lane: number): Position | null;
  /** Below it Kafka has all of the lane. */
  waitsFrom(lane: number): number;

  /** After each completed fsync. */
  onSynced(listener: (synced: Synced) => void): void;
  /** After a failed fsync: received fell back to durable; every session must end. */
  onFailed(listener: (error: Error) => void): void;
  /** When `writable` changes. */
  onWritable(listener: (writable: boolean) => void): void;

  /** Syncs what is pending, writes a checkpoint, releases the lock. */
  close(): Promise<void>;
}

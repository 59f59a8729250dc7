// What the journal holds. A record is one of these kinds; JOURNAL.md says how each becomes bytes.

/** 8 bytes of SHA-256 as 16 hex digits: PROTOCOL.md, "Tables". */
export type TableId = string;

/** How good an event's time is (header `hw-time` in Kafka). */
export type TimeQuality = 'synced' | 'estimated' | 'unknown';

/** A block of consecutive events as the device sent it. Events below `from` were received before. */
export interface BlockRecord {
  kind: 'block';
  device: string;
  boot: number;
  /** seq of the block's first event. */
  first: number;
  /** How many seqs the block covers, first included. */
  count: number;
  /** first ≤ from < first + count: the first seq that is new. */
  from: number;
  table: TableId;
  /** Wall clock of the proxy when the frame arrived, ms. */
  arrivalMs: number;
  /** event time = event uptime + offsetMs, at most lastTimeMs; never recomputed. */
  offsetMs: number;
  /** The latest event time in the block, ms: the floor of the next block's times. Where the quality is unknown, the time of all. */
  lastTimeMs: number;
  quality: TimeQuality;
  /** The block's bytes: PROTOCOL.md, "Blocks". */
  bytes: Uint8Array;
}

/** Seqs that will never arrive. */
export interface LossRecord {
  kind: 'loss';
  device: string;
  boot: number;
  from: number;
  /** One past the last lost seq; null: the end of the boot is unknown ("ended after from, tail unknown"). */
  to: number | null;
  reason: LossReason;
  arrivalMs: number;
}

/**
 * - overflow, refused, damaged: said by the device (its store was full, the event did not fit, rot);
 * - undecodable: the proxy could not read the block (counted as rejected, not as lost on the device);
 * - unknown: the device's lowest seq is above what was expected;
 * - perhaps-delivered: the same for a boot without a place;
 * - tail-unknown: a boot ended without saying where (`to` is null).
 */
export type LossReason =
  | 'overflow'
  | 'refused'
  | 'damaged'
  | 'undecodable'
  | 'unknown'
  | 'perhaps-delivered'
  | 'tail-unknown';

export interface TableRecord {
  kind: 'table';
  device: string;
  id: TableId;
  /** The table's bytes: PROTOCOL.md, "Tables". */
  bytes: Uint8Array;
}

/** Kafka's answer: everything of this lane up to and including the record named is committed. */
export interface ConfirmRecord {
  kind: 'confirm';
  position: Position;
  /** Events committed with it, per device; counted from what was sent, not from the journal. */
  committed: [device: string, events: number][];
  /** Events that will never be sent, and were said to be lost with it; absent where there are none. */
  dropped?: Dropped[];
}

/** Of the books' term of this name. */
export type Dropped = [device: string, reason: string, events: number];

/** A HELLO no longer listed these boots and Kafka holds all their events: their places go. */
export interface ForgetRecord {
  kind: 'forget';
  device: string;
  boots: number[];
}

/** What a session appends. */
export type DeviceRecord = BlockRecord | LossRecord | TableRecord;

export type JournalRecord = DeviceRecord | ConfirmRecord | ForgetRecord;

/** Names the last committed record of a lane: KAFKA.md says what a lane makes of it. */
export interface Position {
  lane: number;
  /** 32 hex digits. */
  journal: string;
  generation: number;
  /** Byte offset at which the record starts. */
  offset: number;
  /** Byte offset at which the next one starts. */
  end: number;
  /** The record's header check, CRC-32 seeded with journal id, generation and offset. */
  check: number;
}

/** A record where it lies. */
export interface Located<R extends JournalRecord = JournalRecord> {
  record: R;
  lane: number;
  generation: number;
  offset: number;
  end: number;
  check: number;
  /** [J-33] What damage took of its place right before it, as its neighbours' seqs tell. */
  lost?: LossRecord;
}

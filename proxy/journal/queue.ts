import { payloadBytesMax, recordBytes } from './format.js';
import { encodePayload, recordType } from './payload.js';
import type { DeviceRecord, JournalRecord } from './record.js';
import type { Outgoing } from './segment-writer.js';

// Records that were received and are not yet synced, encoded: queue, then the group in flight.
//
//   append ──► | waiting | waiting | waiting | ──► take ──► | in flight | ──► settle or drop
//
// Invariant: pendingBytes counts every record here once, in flight or waiting.

export interface Entry extends Outgoing {
  record: JournalRecord;
  /** Header and padding included. */
  bytes: number;
}

export class Queue {
  #waiting: Entry[] = [];
  #flying: Entry[] = [];
  #pendingBytes = 0;

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get first(): Entry | undefined {
    return this.#waiting[0];
  }

  push(entry: Entry): void {
    this.#waiting.push(entry);
    this.#pendingBytes += entry.bytes;
  }

  /** Takes into flight what has room behind `bytes`: at least one, where one waits. */
  take(bytes: number, isTooLong: (bytes: number) => boolean): readonly Entry[] {
    let length = bytes;
    let count = 0;
    for (const entry of this.#waiting) {
      length += entry.bytes;
      if (count > 0 && isTooLong(length)) break;
      count++;
    }
    this.#flying = this.#waiting.splice(0, count);
    return this.#flying;
  }

  /** The group was synced. */
  settle(): void {
    for (const entry of this.#flying) this.#pendingBytes -= entry.bytes;
    this.#flying = [];
  }

  /** Answers everything that falls back. */
  drop(): DeviceRecord[] {
    const dropped: DeviceRecord[] = [];
    for (const { record } of [...this.#flying, ...this.#waiting]) {
      if (record.kind !== 'confirm' && record.kind !== 'forget') dropped.push(record);
    }
    this.#flying = [];
    this.#waiting = [];
    this.#pendingBytes = 0;
    return dropped;
  }
}

export function entryOf(record: JournalRecord, lane: number): Entry {
  const payload = encodePayload(record);
  if (payload.length > payloadBytesMax) {
    throw new RangeError(`journal: a ${record.kind} of ${payload.length} bytes is too long`);
  }
  const type = recordType[record.kind];
  return { record, type, lane, payload, bytes: recordBytes(payload.length) };
}

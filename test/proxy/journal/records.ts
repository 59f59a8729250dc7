import * as assert from 'uvu/assert';
import { systemClock } from '../../../proxy/clock.js';
import type { Disk } from '../../../proxy/disk.js';
import { nodeDisk } from '../../../proxy/disk-node.js';
import { JournalError, type JournalErrorKind } from '../../../proxy/journal/error.js';
import { type Journal, type JournalOptions, openJournal } from '../../../proxy/journal/journal.js';
import { JournalReader } from '../../../proxy/journal/reader.js';
import type { BlockRecord, Located, LossRecord, Position } from '../../../proxy/journal/record.js';

// Records for a test of the journal, and what a test does with one again and again.

export const boot = 1_764_000_000;
export const tableId = '00112233445566ff';

/** A block of `count` events behind `from`, of a device's only boot. */
export function block(device: string, from: number, count = 1, byteCount = 40): BlockRecord {
  return {
    ...{ kind: 'block', device, boot, first: from, count, from, table: tableId },
    ...{ arrivalMs: 1, offsetMs: 2, lastTimeMs: 3, quality: 'synced' },
    bytes: new Uint8Array(byteCount).fill(from + 1),
  };
}

export function loss(device: string, from: number, to: number | null): LossRecord {
  const reason = to === null ? 'tail-unknown' : 'overflow';
  return { kind: 'loss', device, boot, from, to, reason, arrivalMs: 1 };
}

export function openReal(folder: string, more: Partial<JournalOptions> = {}): Promise<Journal> {
  return openJournal({
    ...{ folder, disk: nodeDisk(), clock: systemClock(), bytesMax: 1 << 20 },
    ...more,
  });
}

/** Until all that was appended is synced. */
export function settled(journal: Journal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (journal.pendingBytes === 0) resolve();
    journal.onSynced(() => {
      if (journal.pendingBytes === 0) resolve();
    });
    journal.onFailed(reject);
  });
}

export async function readAll(disk: Disk, folder: string, until: number): Promise<Located[]> {
  const reader = new JournalReader({ folder, disk });
  try {
    const all: Located[] = [];
    for (let next = await reader.begin(); next < until; ) {
      const batch = await reader.read(next, until, 1 << 16);
      all.push(...batch.located);
      next = batch.next;
    }
    return all;
  } finally {
    await reader.close();
  }
}

export function positionOf(journal: Journal, located: Located): Position {
  const { lane, generation, offset, end, check } = located;
  return { lane, journal: journal.id, generation, offset, end, check };
}

/** The one line with which it is refused. */
export async function refusal(
  opening: Promise<unknown>,
  kind: JournalErrorKind,
): Promise<JournalError> {
  let refused: unknown = null;
  try {
    await opening;
  } catch (error) {
    refused = error;
  }
  if (!(refused instanceof JournalError)) throw refused ?? new Error('it was not refused');
  assert.is(refused.kind, kind, refused.message);
  assert.is(refused.message.split('\n').length, 1);
  return refused;
}

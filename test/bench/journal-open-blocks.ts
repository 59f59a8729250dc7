import type { Journal } from '../../proxy/journal/journal.js';
import type { BlockRecord } from '../../proxy/journal/record.js';

// What a journal is filled with: blocks of many devices in turn.

export const devicesMax = 1_000;
const boot = 1_764_000_000;
const content = new Uint8Array(1 << 17).fill(7);

export function blockOf(journal: Journal, serial: number, byteCount: number): BlockRecord {
  const device = `bench-${serial % devicesMax}`;
  const from = journal.places(device)?.get(boot)?.received ?? 0;
  const nowMs = Date.now();
  return {
    ...{ kind: 'block', device, boot, first: from, count: 10, from, table: '00'.repeat(8) },
    ...{ arrivalMs: nowMs, offsetMs: nowMs, lastTimeMs: nowMs, quality: 'synced' },
    bytes: content.subarray(0, byteCount),
  };
}

const waiting = new WeakMap<Journal, (() => void)[]>();

/** After the next fsync. */
export function settled(journal: Journal): Promise<void> {
  let list = waiting.get(journal);
  if (list === undefined) {
    list = [];
    waiting.set(journal, list);
    const mine = list;
    journal.onSynced(() => {
      for (const heard of mine.splice(0)) heard();
    });
    journal.onFailed((error) => {
      throw error;
    });
  }
  const open = list;
  return new Promise((resolve) => open.push(resolve));
}

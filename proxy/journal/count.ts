import type { Disk } from '../disk.js';
import { JournalReader } from './reader.js';

/** By device: events of a lane's blocks that begin in a stretch of the journal. */
export async function countEvents(
  place: { folder: string; disk: Disk },
  lane: number,
  from: number,
  until: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const reader = new JournalReader({ folder: place.folder, disk: place.disk });
  try {
    for (let at = Math.max(from, await reader.begin()); at < until; ) {
      const { located, next } = await reader.read(at, until, 1 << 20);
      for (const { record, lane: own } of located) {
        if (record.kind !== 'block' || own !== lane) continue;
        const events = record.first + record.count - record.from;
        counts.set(record.device, (counts.get(record.device) ?? 0) + events);
      }
      at = next;
    }
  } finally {
    await reader.close();
  }
  return counts;
}

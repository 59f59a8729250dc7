import { decodeCheckpoint, encodeCheckpoint, slotNames } from '../../proxy/journal/checkpoint.js';
import { parseSegmentName, segmentHeaderBytes } from '../../proxy/journal/format.js';
import type { SimulatedDisk } from '../proxy/journal/simulated-disk.js';

// What an opening leaves in the folder, byte for byte, but for what names the opening itself: generation,
// sequence and time of its checkpoint, and its own segment, which has no record yet.

export function remains(disk: SimulatedDisk): string {
  const rows: string[] = [];
  let newest = { sequence: -1, text: '' };
  for (const name of disk.names().sort()) {
    if (slotNames.some((slot) => slot === name)) {
      const found = decodeCheckpoint(disk.bytesOf(name));
      if (typeof found === 'string' || found.sequence < newest.sequence) continue;
      const plain = { ...found, sequence: 0, generation: 0, writtenMs: 0 };
      newest = { sequence: found.sequence, text: encodeCheckpoint(plain).toString('latin1') };
    } else if (parseSegmentName(name) !== null && isUnused(disk, name)) {
      rows.push(`a segment at ${parseSegmentName(name)!.start}`);
    } else rows.push(`${name} ${disk.digestOf(name)}`);
  }
  return [...rows, newest.text].join('\n');
}

function isUnused(disk: SimulatedDisk, name: string): boolean {
  return disk.bytesOf(name).length === segmentHeaderBytes;
}

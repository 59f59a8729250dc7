import { crc32 } from '../../proxy/crc32.js';
import {
  decodeRecordHeader,
  encodeRecord,
  idSeed,
  parseSegmentName,
  recordBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
} from '../../proxy/journal/format.js';
import type { SimulatedDisk } from '../proxy/journal/simulated-disk.js';
import { Draws, type Step } from './script.js';

// What may happen to a journal's folder: bits rot, files are cut, lost, or put back from an older copy. And what no disk does: payloads with
// right checks around them, as a broken version of ourselves might have written.

export const damages = [
  ...['flip', 'flip', 'set', 'zero', 'cut', 'grow', 'lose', 'copy', 'name'],
  ...['forge-record', 'forge-checkpoint'],
] as const;

const names = [
  'checkpoint-0',
  'checkpoint-1',
  'reserve',
  'stranger.txt',
  'lock.0123456789abcdef',
].concat(
  ['0000000000000000-00000000.segment', '0000000000000000-00000009.segment'],
  ['ffffffffffffffff-00000001.segment', '0000000000000100-0fffffff.segment'],
);

/**
 * `forged`: the checks were made right, and whoever reads it can't know that it is none of ours. `files`: one is missing, shorter or another.
 */
export type Harm = 'none' | 'rot' | 'files' | 'forged';

export function damage(disk: SimulatedDisk, { operation, bytes }: Step): Harm {
  const draws = new Draws(bytes);
  const files = disk.names().filter((name) => /segment|checkpoint/.test(name));
  const what = damages[operation]!;
  if (files.length === 0) return 'none';
  const name = draws.pick(files.sort());
  const content = disk.bytesOf(name);
  const used = usedOf(content);
  const at = (draws.byte() * 256 + draws.byte()) % Math.max(1, used);
  switch (what) {
    case 'flip':
      content[at]! ^= 1 << draws.below(8);
      break;
    case 'set':
      content.set(draws.rest().subarray(0, content.length - at), at);
      break;
    case 'zero':
      content.fill(0, at, Math.min(content.length, at + draws.byte()));
      break;
    case 'cut':
      disk.put(name, content.subarray(0, at));
      return 'files';
    case 'grow':
      disk.put(name, Buffer.concat([content, draws.rest()]));
      return 'files';
    case 'lose':
      disk.delete(name);
      return 'files';
    case 'copy':
      disk.put(draws.pick(files), content);
      return 'files';
    case 'name':
      disk.put(draws.pick(names), draws.rest());
      return 'files';
    case 'forge-record':
      return forgeRecord(disk, name, content, draws) ? 'forged' : 'none';
    case 'forge-checkpoint':
      return forgeCheckpoint(disk, draws) ? 'forged' : 'none';
  }
  disk.put(name, content);
  return 'rot';
}

/** Without the zeros that wait behind. */
function usedOf(content: Buffer): number {
  let used = content.length;
  while (used > 0 && content[used - 1] === 0) used--;
  return used;
}

/** A record with another payload of the same length, and its checks. */
function forgeRecord(disk: SimulatedDisk, name: string, content: Buffer, draws: Draws): boolean {
  const named = parseSegmentName(name);
  if (named === null || content.length < segmentHeaderBytes) return false;
  const seed = idSeed(Uint8Array.from(content.subarray(16, 32)));
  const records: number[] = [];
  const placeAt = (at: number) => ({
    seed,
    generation: named.generation,
    offset: named.start + at,
  });
  for (let at = segmentHeaderBytes; at + recordHeaderBytes <= content.length; ) {
    const header = decodeRecordHeader(content, at, placeAt(at));
    if (header === null) break;
    records.push(at);
    at += recordBytes(header.payloadBytes);
  }
  if (records.length === 0) return false;
  const at = draws.pick(records);
  const header = decodeRecordHeader(content, at, placeAt(at))!;
  const body = at + recordHeaderBytes;
  const payload = Buffer.from(content.subarray(body, body + header.payloadBytes));
  if (payload.length === 0) return false;
  const from = draws.byte() % payload.length;
  const type = draws.byte() < 200 ? header.type : draws.byte();
  payload.set(draws.rest().subarray(0, payload.length - from), from);
  encodeRecord(content, at, { type, flags: header.flags, lane: header.lane, payload }, placeAt(at));
  disk.put(name, content);
  return true;
}

function forgeCheckpoint(disk: SimulatedDisk, draws: Draws): boolean {
  const name = draws.pick(['checkpoint-0', 'checkpoint-1']);
  if (!disk.names().includes(name)) return false;
  const content = disk.bytesOf(name);
  if (content.length < 64) return false;
  const length = content.readUInt32LE(40);
  if (length === 0 || 64 + length > content.length) return false;
  const from = 64 + ((draws.byte() * 256 + draws.byte()) % length);
  content.set(draws.rest().subarray(0, 64 + length - from), from);
  content.writeUInt32LE(crc32(content.subarray(64, 64 + length)), 44);
  content.writeUInt32LE(crc32(content.subarray(0, 60)), 60);
  disk.put(name, content);
  return true;
}

import { crc32 } from '../crc32.js';

// The lane of a device ([J-6]): part of the format, since a record's header carries it.

export function laneOf(device: string, lanes: number): number {
  return lanes === 1 ? 0 : crc32(Buffer.from(device, 'utf8')) % lanes;
}

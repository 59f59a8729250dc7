import zlib from 'node:zlib';

// CRC-32 (IEEE 802.3, reflected), of frames, blocks and journal records. `seed` is the CRC of the
// bytes before: crc32(b, crc32(a)) is the CRC of a followed by b. Node has it natively from 20.15.

export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

/** For a Node 20 that is older than 20.15; the tests hold it against the native one. */
export function tableCrc32(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (let index = 0; index < bytes.length; index++) {
    crc = table[(crc ^ bytes[index]!) & 0xff]! ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

const table = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export const crc32: Crc32 = typeof zlib.crc32 === 'function' ? zlib.crc32 : tableCrc32;

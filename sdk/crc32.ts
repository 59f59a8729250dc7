/** CRC-32 (IEEE, reflected). Bitwise: a table costs a kilobyte of RAM. */
export const crc32 = (bytes: Uint8Array, start: number, end: number): number => {
  let crc = ~0;
  while (start < end) {
    crc ^= bytes[start++]!;
    for (let bit = 8; bit--; ) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  }
  return ~crc >>> 0;
};

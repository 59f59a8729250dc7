// What a persistent store writes into: sectors of flash, or something that behaves as they do. Erasing makes a sector's bytes 0xFF;
// bits only fall after that. A store writes each byte at most once between two erases, whole units of `alignBytes`, forward.

export interface Region {
  /** Bytes from an address on, in an array that the store may keep. */
  read(address: number, size: number): Uint8Array;
  /** Returns when the bytes would survive a power cut; it keeps no reference to them. */
  write(address: number, bytes: Uint8Array): void;
  /** Erases the sector that begins at an address. */
  erase(address: number): void;
  /** At least 1,024, and room for the table's descriptions and a block; 4,096 holds the largest. */
  sectorBytes: number;
  /** 2 or more. */
  sectors: number;
  /** What one write must be a multiple of, a power of two up to 16; 4 unless told. */
  alignBytes?: number;
}

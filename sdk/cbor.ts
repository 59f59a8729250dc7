// CBOR as PROTOCOL.md §2 wants it: preferred encoding, definite lengths. One writer and one reader
// for the whole program, pointed at a buffer: no object is made per item.
//
// Writing behind a buffer's end stores nothing and still counts, so that `at` tells what would
// have been needed: whoever writes compares `at` with the limit afterwards.

/** Where the next byte is written. */
export let at = 0;
let buffer: Uint8Array;

/** Points the writer at a position in a buffer. */
export const writeTo = (bytes: Uint8Array, position: number): void => {
  buffer = bytes;
  at = position;
};

/** Goes on at an earlier position of the same buffer. */
export const rewind = (position: number): void => {
  at = position;
};

export const put = (byte: number): void => {
  buffer[at++] = byte;
};

/** The `size` lowest bytes of a whole number, most significant first. */
export const putBytes = (value: number, size: number): void => {
  while (size--) put(value / 256 ** size);
};

/** A head: a major type in the upper three bits, and a whole number from 0 to 2^53. */
export const head = (major: number, value: number): void => {
  if (value < 24) put(major + value);
  else {
    let power = 0;
    while (value >= 256 ** (1 << power)) power++;
    put(major + 24 + power);
    putBytes(value, 1 << power);
  }
};

/** A whole number of either sign. */
export const integer = (value: number): void => {
  if (value < 0) head(32, -1 - value);
  else head(0, value);
};

/** A name: a text string of ASCII alone, PROTOCOL.md §1 and §4. */
export const name = (text: string): void => {
  head(96, text.length);
  for (const character of text) put(character.charCodeAt(0));
};

/** Where the next byte is read. */
export let readAt = 0;
let source: Uint8Array;

/** Points the reader at a position in a buffer. */
export const readFrom = (bytes: Uint8Array, position: number): void => {
  source = bytes;
  readAt = position;
};

/** `size` bytes as a whole number. */
export const takeBytes = (size: number): number => {
  let value = 0;
  while (size--) value = value * 256 + source[readAt++]!;
  return value;
};

/**
 * The number in the next item's head: a uint's value, the length of an array or a byte string. Neither kinds nor the end
 * are looked at: a frame with a good check comes from a proxy, and whoever reads compares the number with its limits.
 */
export const item = (): number => {
  const low = takeBytes(1) % 32;
  return low < 24 ? low : takeBytes(1 << (low % 8));
};

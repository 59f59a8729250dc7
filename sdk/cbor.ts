// CBOR as PROTOCOL.md §2 wants it: preferred encoding, definite lengths. One writer and one reader
// for the whole program, pointed at a buffer: no object is made per item.
//
// Writing behind a buffer's end stores nothing and still counts, so that `at` tells what would
// have been needed: whoever writes compares `at` with the limit afterwards.

/** Where the next byte is written. */
export let at = 0;
let buffer: Uint8Array = new Uint8Array(0);

/** Points the writer at a position in a buffer. */
export function writeTo(bytes: Uint8Array, position: number): void {
  buffer = bytes;
  at = position;
}

export function put(byte: number): void {
  buffer[at++] = byte;
}

/** The `size` lowest bytes of a whole number, most significant first. */
export function putBytes(value: number, size: number): void {
  while (size--) put(value / 2 ** (8 * size));
}

/** A head: a major type in the upper three bits, and a whole number from 0 to 2^53. */
export function head(major: number, value: number): void {
  if (value < 24) put(major + value);
  else {
    const power = value < 256 ? 0 : value < 65536 ? 1 : value < 4294967296 ? 2 : 3;
    put(major + 24 + power);
    putBytes(value, 1 << power);
  }
}

/** A whole number of either sign. */
export function integer(value: number): void {
  if (value < 0) head(32, -1 - value);
  else head(0, value);
}

function utf8(text: string): void {
  for (let index = 0; index < text.length; index++) {
    let point = text.codePointAt(index)!;
    if (point > 65535) index++;
    // Half of a pair alone has no UTF-8.
    if (point >> 11 === 27) point = 65533;
    if (point < 128) put(point);
    else {
      let rest = point < 2048 ? 6 : point < 65536 ? 12 : 18;
      // 110…, 1110… or 11110… in the low byte, and the upper bits of the point.
      put((0xff80 >> (rest / 6)) + (point >> rest));
      while (rest) {
        rest -= 6;
        put(128 + ((point >> rest) & 63));
      }
    }
  }
}

/** A text string: its bytes are written once to learn their number, and once more behind the head. */
export function text(value: string): void {
  const start = at;
  utf8(value);
  const length = at - start;
  at = start;
  head(96, length);
  utf8(value);
}

/** Where the next byte is read. */
export let readAt = 0;
let readEnd = 0;
let source: Uint8Array = buffer;

/** Points the reader at a part of a buffer. */
export function readFrom(bytes: Uint8Array, start: number, end: number): void {
  source = bytes;
  readAt = start;
  readEnd = end;
}

/** `size` bytes as a whole number; NaN where they end before, which no comparison accepts. */
export function takeBytes(size: number): number {
  let value = 0;
  while (size--) value = value * 256 + (readAt < readEnd ? source[readAt++]! : NaN);
  return value;
}

/**
 * The number in the next item's head: a uint's value, the length of an array or a byte string. Kinds are
 * not told apart: a frame with a good check comes from a proxy, and whoever reads compares the number with its limits.
 */
export function item(): number {
  const low = takeBytes(1) % 32;
  return low < 24 ? low : takeBytes(1 << (low - 24));
}

import { cobsDecode, cobsEncode } from './frame.js';

// Frames in datagrams, PROTOCOL.md §12: each behind its length, where a byte stream has COBS. A session reads and writes a byte
// stream on every channel; this is between.

/** The frames of a datagram, empty ones left out; null where a length points behind its end. */
export function framesOfDatagram(datagram: Uint8Array): Uint8Array[] | null {
  const frames: Uint8Array[] = [];
  // A lone last byte is filling, as an empty frame is.
  for (let at = 0; at + 1 < datagram.length; ) {
    const length = datagram[at]! * 256 + datagram[at + 1]!;
    at += 2 + length;
    if (at > datagram.length) return null;
    if (length > 0) frames.push(datagram.subarray(at - length, at));
  }
  return frames;
}

/** The frames among the bytes that a session sends: whole ones, each closed by a 0x00. */
export function framesOf(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const zero = bytes.indexOf(0, start);
    const frame = zero > start ? cobsDecode(bytes.subarray(start, zero)) : null;
    if (frame !== null) frames.push(frame);
    start = zero < 0 ? bytes.length : zero + 1;
  }
  return frames;
}

/** What a session reads. */
export function toStream(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames.flatMap((frame) => [cobsEncode(frame), Uint8Array.of(0)]));
}

export function toDatagram(frame: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(frame.length >> 8, frame.length), frame]);
}

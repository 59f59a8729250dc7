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

export function toDatagram(frame: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(frame.length >> 8, frame.length), frame]);
}

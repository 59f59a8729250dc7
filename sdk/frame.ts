import { at, put, putBytes, readFrom, takeBytes, writeTo } from './cbor.js';

// Frames on a byte stream, PROTOCOL.md §2: COBS(body, CRC-32), closed by 0x00.
//
//   beginFrame            writer →                   endFrame
//   ┌────┬──────────────────────────────┬───────┐    ┌────┬─────────────────────────┬────┐
//   │ 12 │ body                         │ CRC   │ →  │(00)│ COBS of body and CRC    │ 00 │
//   └────┴──────────────────────────────┴───────┘    └────┴─────────────────────────┴────┘
//
// The frame is encoded in place: the 12 bytes before the body are more than COBS adds to 2,304 bytes, so the
// encoder's end never overtakes what it still has to read.

const GAP = 12;

/** Bytes that a frame's buffer needs beside the body: the gap and the check. */
export const FRAME_OVERHEAD_BYTES = GAP + 4;

/** CRC-32 (IEEE, reflected). Bitwise: a table costs a kilobyte of RAM. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = ~0;
  while (start < end) {
    crc ^= bytes[start++]!;
    for (let bit = 8; bit--; ) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  }
  return ~crc >>> 0;
}

/** Points the writer at the body of a frame with its type as first item. */
export function beginFrame(buffer: Uint8Array, type: number): void {
  writeTo(buffer, GAP);
  put(type);
}

/** Closes the frame that the writer wrote and returns its end; its start is 0. With `leadingZero` it begins with 0x00. */
export function endFrame(buffer: Uint8Array, leadingZero: boolean): number {
  putBytes(crc32(buffer, GAP, at), 4);
  let out = 0;
  if (leadingZero) buffer[out++] = 0;
  let code = out++;
  for (let index = GAP; index < at; index++) {
    const byte = buffer[index]!;
    if (out - code > 254) {
      buffer[code] = 255;
      code = out++;
    }
    if (byte) buffer[out++] = byte;
    else {
      buffer[code] = out - code;
      code = out++;
    }
  }
  buffer[code] = out - code;
  buffer[out++] = 0;
  return out;
}

/**
 * A reader that holds one frame of up to `frameBytesMax` bytes. For each good one it points the CBOR reader at the
 * body and calls `onBody`. What is too long, damaged or not COBS is counted by `onBroken` and forgotten.
 */
export function frameReader(
  frameBytesMax: number,
  onBody: () => void,
  onBroken: () => void,
): (bytes: Uint8Array) => void {
  const buffer = new Uint8Array(frameBytesMax);
  let length = 0;
  let left = 0;
  let zeroDue = false;
  const keep = (byte: number) => {
    buffer[length++] = byte;
  };
  return (bytes) =>
    bytes.forEach((byte) => {
      if (!byte) {
        const end = length - 4;
        readFrom(buffer, end, length);
        const good = !left && end > 0 && length <= frameBytesMax;
        if (good && takeBytes(4) === crc32(buffer, 0, end)) {
          readFrom(buffer, 0, end);
          onBody();
        } else if (length || left || zeroDue) onBroken();
        length = left = 0;
        zeroDue = false;
      } else if (left) {
        left--;
        keep(byte);
      } else {
        if (zeroDue) keep(0);
        left = byte - 1;
        zeroDue = byte < 255;
      }
    });
}

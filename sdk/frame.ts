import { at, put, putBytes, readFrom, takeBytes, writeTo } from './cbor.js';
import { crc32 } from './engine.js';
import { FRAME_BUFFER_BYTES, FRAME_GAP_BYTES, FRAME_READ_BYTES_MAX } from './limits.js';

// Frames on a byte stream, PROTOCOL.md §2: COBS(body, CRC-32), a 0x00 before and behind. No frame of a device exceeds 254
// bytes, so that COBS adds one code at the front and none between, and a frame is encoded where it lies:
//
//   gap  body, check                                      then
//   ┌────┬────┬──────────────────────────┬───────┐        each 0x00 becomes the distance to the next one
//   │ 00 │ 00 │ body                     │ CRC   │ 00
//   └────┴────┴──────────────────────────┴───────┘

/** The frame that is being written, or was last. */
export const frame = new Uint8Array(FRAME_BUFFER_BYTES);

/** The check of bytes of a frame, behind which the writer, or the reader, then stands. */
let check: (bytes: Uint8Array, start: number, end: number) => number | undefined = crc32;

/** Has another say the last four bytes of each frame; nothing, where what was read is not to be taken. */
export const checkWith = (say: typeof check): void => {
  check = say;
};

/** Makes a frame of the body that `putItems` writes; it lies from 0 to the end that is returned. */
export const putFrame = (putItems: () => void): number => {
  // The first code is 0 until it is known.
  writeTo(frame, FRAME_GAP_BYTES - 1);
  put(0);
  putItems();
  putBytes(check(frame, FRAME_GAP_BYTES, at)!, 4);
  let zero = at;
  for (let index = at; --index; ) {
    if (!frame[index]) {
      frame[index] = zero - index;
      zero = index;
    }
  }
  put(0);
  return at;
};

/** The frame that is being read, a 0x00 in each code's place, the first one's too; and how many bytes follow until the next code. */
const received = new Uint8Array(FRAME_READ_BYTES_MAX + 1);
let length = 0;
let left = 0;

/**
 * Makes what takes bytes as they come. For each good frame it points the CBOR reader at the body and calls `onBody`. What is
 * damaged or not COBS is forgotten, as is what is longer than a proxy's messages: the device's timer asks again.
 */
export const receiver =
  (onBody: () => void) =>
  (bytes: Uint8Array): void =>
    bytes.forEach((byte) => {
      if (!byte) {
        readFrom(received, length - 4);
        // Espruino throws at what lies before an array, as after two 0x00.
        if (!left && length > 5 && check(received, 1, length - 4) === takeBytes(4)) {
          readFrom(received, 1);
          onBody();
        }
        length = left = 0;
      } else if (left--) {
        received[length++] = byte;
      } else {
        left = byte - 1;
        received[length++] = 0;
      }
    });

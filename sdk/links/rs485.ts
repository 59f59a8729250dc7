import { at, integer, item, put, putBytes, readFrom, takeBytes, writeTo } from '../cbor.js';
import { crc32 } from '../engine.js';
import { FRAME_READ_BYTES_MAX } from '../limits.js';
import { CHANNEL, END, POLL } from '../wire.js';
import type { Link, LinkEvents } from './link.js';

// A drop on a half-duplex bus, PROTOCOL.md §14: between the core, which speaks when it likes, and a line that many share. A frame
// waits here until the device is polled; it goes in an envelope of the device's address, and what is in one of its own comes in.

/** The type, an address of two bytes, check16. */
const HEAD_BYTES_MAX = 5;
/** The largest frame of this SDK. */
const FRAME_BYTES_MAX = 254;
/** END's items and its check. */
const END_BYTES = 7;

/**
 * `rs485(tty('/dev/ttyS1', 115200), 12)`. Address: 1 to 247. The line turns its driver on and off by itself, as UARTs with an
 * RS-485 mode and transceivers with automatic direction do. ackTimeoutMs must be longer than a round of the bus.
 */
export function rs485(line: Link, address: number): Link {
  /** Each begins with the head of this drop's envelopes. */
  const out = new Uint8Array(HEAD_BYTES_MAX + FRAME_BYTES_MAX);
  const last = new Uint8Array(HEAD_BYTES_MAX + END_BYTES);
  writeTo(out, 0);
  put(CHANNEL);
  integer(address);
  putBytes(crc32(out, 0, at) & 0xffff, 2);
  const head = at;
  last.set(out.subarray(0, head));

  /** The end of what lies in `out`, how many bytes follow until the next 0x00 of the frame, and the size of a whole one. */
  let end = head;
  let left = 0;
  let waiting = 0;
  /** The core was not taken a frame from. */
  let isRefused = false;

  /** What the line is given: an envelope in COBS, two codes at most, a 0x00 before and behind. */
  const wire = new Uint8Array(HEAD_BYTES_MAX + FRAME_BYTES_MAX + 4);
  let wireAt = 0;
  let wireEnd = 0;
  let isTalking = false;
  let isLast = false;
  let number = 0;
  let granted = 0;

  /** A frame that comes, a 0x00 in each code's place, the first one's too. */
  const back = new Uint8Array(HEAD_BYTES_MAX + FRAME_READ_BYTES_MAX + 2);
  let length = 0;
  let leftBack = 0;
  let told: LinkEvents;

  const encode = (bytes: Uint8Array, size: number): void => {
    let code = 1;
    wireAt = 0;
    wireEnd = 2;
    for (let index = 0; index < size; index++) {
      const byte = bytes[index]!;
      if (byte) wire[wireEnd++] = byte;
      if (!byte || (wireEnd - code === 255 && index + 1 < size)) {
        wire[code] = wireEnd - code;
        code = wireEnd++;
      }
    }
    wire[code] = wireEnd - code;
    wire[wireEnd++] = 0;
  };

  const encodeEnd = (): void => {
    writeTo(last, head);
    put(END);
    put(number);
    put(waiting ? 1 : 0);
    putBytes(crc32(last, head, at), 4);
    encode(last, at);
  };

  /** Gives the line what it takes: frames as far as they are granted, then END. */
  const talk = (): void => {
    while (isTalking) {
      wireAt += line.write(wire.subarray(wireAt, wireEnd));
      if (wireAt < wireEnd) return;
      if (isLast) isTalking = false;
      else next();
    }
  };

  const next = (): void => {
    if (!waiting && isRefused) {
      isRefused = false;
      told.ready();
    }
    isLast = !waiting || waiting > granted;
    if (isLast) encodeEnd();
    else {
      granted -= waiting;
      encode(out, head + waiting);
      waiting = 0;
    }
  };

  const polled = (start: number): void => {
    readFrom(back, length - 4);
    if (takeBytes(4) !== crc32(back, start, length - 4)) return;
    readFrom(back, start + 1);
    number = item();
    granted = item();
    isTalking = true;
    next();
    talk();
  };

  /** A whole frame came: what is not in an envelope of this drop is others'. */
  const take = (): void => {
    const start = head + 1;
    if (length < start + 5 || length >= back.length) return;
    for (let index = 0; index < head; index++) if (back[index + 1] !== out[index]) return;
    if (back[start] === POLL) polled(start);
    else {
      // As COBS again, where it lies.
      let zero = length;
      for (let index = length; --index >= start; ) {
        if (!back[index]) {
          back[index] = zero - index;
          zero = index;
        }
      }
      back[head] = zero - head;
      back[head - 1] = 0;
      back[length] = 0;
      told.data(back.subarray(head - 1, length + 1));
    }
  };

  const receive = (bytes: Uint8Array): void => {
    // It hears itself.
    if (isTalking) return;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!;
      if (!byte) {
        if (!leftBack) take();
        length = leftBack = 0;
      } else if (leftBack) {
        leftBack--;
        back[length++] = byte;
      } else {
        leftBack = byte - 1;
        back[length++] = 0;
      }
    }
  };

  return {
    open(events) {
      told = events;
      end = head;
      left = waiting = length = leftBack = 0;
      isTalking = isRefused = false;
      line.open({ up: events.up, down: events.down, ready: talk, data: receive });
    },
    write(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        if (waiting) {
          isRefused = true;
          return index;
        }
        const byte = bytes[index]!;
        if (!byte) {
          waiting = end - head;
          end = head;
          left = 0;
        } else if (left) {
          left--;
          out[end++] = byte;
        } else {
          if (end > head) out[end++] = 0;
          left = byte - 1;
        }
      }
      return bytes.length;
    },
    close: () => line.close(),
  };
}

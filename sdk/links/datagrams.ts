import type { Link, LinkEvents } from './link.js';

// Frames in datagrams, PROTOCOL.md §12: between the core, which speaks frames on a byte stream, and a way that carries each
// array that it is given whole or not at all (UDP). Out, the bytes between two 0x00 become a datagram: the frame's length and the
// frame. In, each frame of a datagram becomes COBS again. What is lost, twice there or late is the session's.

/** With a HELLO a datagram is filled up with empty frames to so many bytes: nobody gets more than he sent [W-47]. */
const FILLED_BYTES = 128;
/** A frame of 254 bytes behind its length. */
const DATAGRAM_BYTES_MAX = 256;
const HELLO = 1;

/** `datagrams(nodeUdp('edge-1', 4510))` */
export function datagrams(way: Link): Link {
  const out = new Uint8Array(DATAGRAM_BYTES_MAX);
  const back = new Uint8Array(DATAGRAM_BYTES_MAX);
  /** The end of what lies in `out`, and how many bytes follow until the next 0x00 of the frame. */
  let end = 2;
  let left = 0;
  /** The size of a whole datagram that the way has not taken yet. */
  let waiting = 0;

  const pass = (): boolean => {
    if (waiting && !way.write(out.subarray(0, waiting))) return false;
    waiting = 0;
    return true;
  };

  /** A frame came to its end: it is written, or waits. */
  const finish = (): void => {
    const length = end - 2;
    if (length > 0) {
      out[0] = length >> 8;
      out[1] = length;
      waiting = end;
      if (out[2] === HELLO) {
        out.fill(0, end);
        waiting = Math.max(end, FILLED_BYTES);
      }
      pass();
    }
    end = 2;
    left = 0;
  };

  /** The frame from `start` on as COBS with a 0x00 before and behind. */
  const encode = (bytes: Uint8Array, start: number, length: number): Uint8Array => {
    back.set(bytes.subarray(start, start + length), 2);
    back[0] = back[1] = 0;
    back[length + 2] = 0;
    let zero = length + 2;
    for (let index = zero; --index; ) {
      if (!back[index]) {
        back[index] = zero - index;
        zero = index;
      }
    }
    return back.subarray(0, length + 3);
  };

  const receive = (bytes: Uint8Array, events: LinkEvents): void => {
    for (let at = 0; at + 2 < bytes.length; ) {
      const length = bytes[at]! * 256 + bytes[at + 1]!;
      at += 2;
      if (length > DATAGRAM_BYTES_MAX - 3 || at + length > bytes.length) return;
      if (length) events.data(encode(bytes, at, length));
      at += length;
    }
  };

  return {
    open(events) {
      end = 2;
      left = waiting = 0;
      way.open({
        up: events.up,
        down: events.down,
        ready() {
          if (pass()) events.ready();
        },
        data: (bytes) => receive(bytes, events),
      });
    },
    write(bytes) {
      for (let index = 0; index < bytes.length; index++) {
        if (!pass()) return index;
        const byte = bytes[index]!;
        if (!byte) finish();
        else if (left) {
          left--;
          out[end++] = byte;
        } else {
          if (end > 2) out[end++] = 0;
          left = byte - 1;
        }
      }
      return bytes.length;
    },
    close: () => way.close(),
  };
}

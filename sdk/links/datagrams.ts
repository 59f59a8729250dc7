import { at, integer, put, putBytes, writeTo } from '../cbor.js';
import { crc32 } from '../engine.js';
import { FRAGMENT, HELLO } from '../wire.js';
import type { Link, LinkEvents } from './link.js';

// Frames in datagrams, PROTOCOL.md §12: between the core, which speaks frames on a byte stream, and a way that carries each
// array that it is given whole or not at all (UDP). Out, the bytes between two 0x00 become a datagram: the frame's length and the
// frame. In, each frame of a datagram becomes COBS again. What is lost, twice there or late is the session's.

/** With a HELLO a datagram is filled up with empty frames to so many bytes: nobody gets more than he sent [W-47]. */
const FILLED_BYTES = 128;
/** A frame of 254 bytes behind its length. */
const DATAGRAM_BYTES_MAX = 256;

/** Before and behind a fragment's part: its length, its type and numbers, its check. */
const FRAGMENT_BYTES = 13;

/**
 * `datagrams(nodeUdp('edge-1', 4510))`. `mtuBytes`: the most that the way carries at once, 72 or more; what is larger goes in
 * fragments (§11). A proxy's answers are not larger for a device with one boot.
 */
export function datagrams(way: Link, mtuBytes?: number): Link {
  const out = new Uint8Array(DATAGRAM_BYTES_MAX);
  const back = new Uint8Array(DATAGRAM_BYTES_MAX);
  /** The end of what lies in `out`, and how many bytes follow until the next 0x00 of the frame. */
  let end = 2;
  let left = 0;
  /** The size of a whole datagram that the way has not taken yet. */
  let waiting = 0;

  const most = mtuBytes || DATAGRAM_BYTES_MAX;
  const fragment = new Uint8Array(mtuBytes ? most : 0);
  let number = 0;
  let index = 0;

  /** The part of the frame at the head of which `index` is. Answers its size as a datagram. */
  const putFragment = (): number => {
    const partBytes = most - FRAGMENT_BYTES;
    let from = 2 + index * partBytes;
    const until = Math.min(from + partBytes, waiting);
    writeTo(fragment, 2);
    put(FRAGMENT);
    integer(number);
    integer(index);
    put(until === waiting ? 1 : 0);
    while (from < until) put(out[from++]!);
    putBytes(crc32(fragment, 2, at), 4);
    fragment[1] = at - 2;
    return at;
  };

  /** Gives the way what waits; false where it took not all. */
  const pass = (): boolean => {
    while (waiting) {
      const isWhole = waiting <= most;
      const size = isWhole ? waiting : putFragment();
      if (!way.write((isWhole ? out : fragment).subarray(0, size))) return false;
      index++;
      if (isWhole || 2 + index * (most - FRAGMENT_BYTES) >= waiting) waiting = 0;
    }
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
        waiting = Math.max(end, Math.min(FILLED_BYTES, most));
      }
      index = 0;
      number = (number + 1) & 0xffff;
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

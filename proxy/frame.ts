import {
  ACK,
  ANCHOR,
  COMMAND,
  DATA,
  FRAME_BYTES_MAX,
  PROOF,
  RESULT,
  TABLE,
  WELCOME,
} from '../sdk/wire.js';
import { crc32 } from './crc32.js';
import { envelopeBytesMax } from './envelope.js';

// listener → frame → session: COBS, one 0x00 between frames, a CRC-32 behind each body (PROTOCOL.md §2).
// A reader holds at most one frame and finds the next one by the next 0x00 [W-9]; a connection
// that is silent holds no memory here.

export type Broken = 'oversize' | 'cobs' | 'short' | 'check' | 'mac' | 'replayed';

export interface FrameTaker {
  /** Body and check, as `checkFrame` reads them, or an envelope. A fresh copy and the taker's own. */
  frame(frame: Uint8Array): void;
  broken(why: Broken): void;
}

const CHECK_BYTES = 4;
const DECODED_BYTES_MAX = FRAME_BYTES_MAX + envelopeBytesMax;
const ENCODED_BYTES_MAX = DECODED_BYTES_MAX + 1 + Math.floor(DECODED_BYTES_MAX / 254);

export class FrameReader {
  readonly #taker: FrameTaker;
  /** The encoded bytes of a frame whose 0x00 has not come. */
  #held: Uint8Array | null = null;
  #length = 0;
  #skipping = false;

  constructor(taker: FrameTaker) {
    this.#taker = taker;
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0, start);
      if (end < 0) {
        this.#hold(chunk.subarray(start));
        return;
      }
      if (this.#length === 0 && !this.#skipping) this.#take(chunk.subarray(start, end));
      else this.#close(chunk.subarray(start, end));
      start = end + 1;
    }
  }

  #close(rest: Uint8Array): void {
    this.#hold(rest);
    const frame = this.#held?.subarray(0, this.#length);
    const skipped = this.#skipping;
    this.#length = 0;
    this.#skipping = false;
    if (!skipped && frame !== undefined) this.#take(frame);
    this.#held = null;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#skipping) return;
    if (this.#length + bytes.length > ENCODED_BYTES_MAX) {
      this.#skipping = true;
      this.#held = null;
      this.#taker.broken('oversize');
      return;
    }
    this.#held ??= new Uint8Array(ENCODED_BYTES_MAX);
    this.#held.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #take(encoded: Uint8Array): void {
    if (encoded.length === 0) return;
    if (encoded.length > ENCODED_BYTES_MAX) {
      this.#taker.broken('oversize');
      return;
    }
    const frame = cobsDecode(encoded);
    if (frame === null) this.#taker.broken('cobs');
    else this.#taker.frame(frame);
  }
}

/** The body of a frame, or why there is none. */
export function checkFrame(frame: Uint8Array): Uint8Array | Broken {
  if (frame.length > FRAME_BYTES_MAX) return 'oversize';
  if (frame.length < CHECK_BYTES) return 'short';
  const body = frame.subarray(0, frame.length - CHECK_BYTES);
  const view = new DataView(frame.buffer, frame.byteOffset + body.length, CHECK_BYTES);
  return view.getUint32(0) === crc32(body) ? body : 'check';
}

/** [W-53] Whether its check may be a MAC, in a session with keys: its type says so. */
export function mayHaveMac(frame: Uint8Array): boolean {
  return withMac.has(frame[0] ?? 0);
}

const withMac = new Set([WELCOME, TABLE, DATA, ACK, PROOF, COMMAND, RESULT, ANCHOR]);

/** Body and CRC-32. */
export function withCheck(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(body.length + CHECK_BYTES);
  frame.set(body);
  new DataView(frame.buffer).setUint32(body.length, crc32(body));
  return frame;
}

/** A body for a byte stream, with a CRC-32: see `closed`. */
export function encodeFrame(body: Uint8Array): Uint8Array {
  return closed(withCheck(body));
}

/** A frame for a byte stream: body and check, COBS, the closing 0x00. */
export function closed(frame: Uint8Array): Uint8Array {
  const encoded = cobsEncode(frame);
  const bytes = new Uint8Array(encoded.length + 1);
  bytes.set(encoded);
  return bytes;
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

/** Null where the bytes are no COBS: a 0x00 inside, or a code that points behind the end. */
export function cobsDecode(encoded: Uint8Array): Uint8Array | null {
  const plain = new Uint8Array(encoded.length);
  let length = 0;
  let at = 0;
  while (at < encoded.length) {
    const code = encoded[at]!;
    if (code === 0 || at + code > encoded.length) return null;
    for (let index = 1; index < code; index++) plain[length++] = encoded[at + index]!;
    at += code;
    if (code < 255 && at < encoded.length) plain[length++] = 0;
  }
  return plain.subarray(0, length);
}

export function cobsEncode(plain: Uint8Array): Uint8Array {
  const encoded = new Uint8Array(plain.length + 1 + Math.floor(plain.length / 254));
  let code = 0;
  let length = 1;
  for (let index = 0; index < plain.length; index++) {
    const byte = plain[index]!;
    if (byte !== 0) encoded[length++] = byte;
    if (byte === 0 || (length - code === 255 && index + 1 < plain.length)) {
      encoded[code] = length - code;
      code = length++;
    }
  }
  encoded[code] = length - code;
  return encoded.subarray(0, length);
}

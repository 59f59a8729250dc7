import { put, putBytes, readFrom, takeBytes, writeTo } from './cbor.js';
import { crc32 } from './engine.js';
import { checkWith, frame } from './frame.js';
import { announce, backOff, prove, ready, state } from './session.js';
import { hmacOfShort } from './sha256.js';
import { GREETING } from './state.js';
import {
  FLAG_RESUMES,
  HELLO,
  MAC_FROM_DEVICE,
  MAC_FROM_PROXY,
  MAC_OF_SESSION_KEY,
  PROOF,
  RESET,
} from './wire.js';

// A device with a key, PROTOCOL.md §9: it proves itself to the proxy, the proxy to it, and each frame of a session has a MAC in the place of its
// CRC. The session's key stays in RAM, so that a device that slept with it resumes the session and is not challenged again.

/** None before the first CHALLENGE. */
let sessionKey: Uint8Array | undefined;
/** Counters of the last sound frame each way. */
let sent: number;
let heard: number;
/** The body of the last HELLO; none before the first, when a line may bring what was meant for a former life. */
let hello: Uint8Array | undefined;
/** It, until a CHALLENGE was answered: one for each HELLO, or who has no key could keep the device computing. */
let unanswered: Uint8Array | 0 | undefined;

/** Gives the device its key, 16 to 64 characters of ASCII; before producer(). `headwater device add` prints the line. */
export const auth = (key: string): void =>
  checkWith((bytes, start, end) => {
    const type = bytes[start]!;
    const body = bytes.subarray(start, end);
    if (bytes === frame) {
      if (type === HELLO) {
        unanswered = hello = new Uint8Array(body);
        if (sessionKey) prove();
        return crc32(bytes, start, end);
      }
      digest(sessionKey!, MAC_FROM_DEVICE, ++sent, type === PROOF ? hello! : [], body);
      writeTo(frame, end);
      putBytes(sent, 4);
      putBytes(takeBytes(4), 4);
      return takeBytes(4);
    }
    // RESET and CHALLENGE have a CRC.
    if (type >= RESET) {
      if (crc32(bytes, start, end) === takeBytes(4)) {
        // A hint: what it says may be anybody's word.
        if (type === RESET) backOff(0);
        else if (unanswered && state === GREETING) {
          const secret = key.split('').map((character) => character.charCodeAt(0));
          sessionKey = digest(secret, MAC_OF_SESSION_KEY, 0, unanswered, body);
          sent = heard = unanswered = 0;
          announce(FLAG_RESUMES);
          prove();
          ready();
        }
      }
    } else if (sessionKey && end > 8) {
      readFrom(bytes, end - 8);
      const counter = takeBytes(4);
      const front = takeBytes(4);
      const back = takeBytes(4);
      digest(sessionKey, MAC_FROM_PROXY, counter, [], bytes.subarray(start, end - 8));
      if (counter > heard && takeBytes(4) === front && takeBytes(4) === back) {
        heard = counter;
        readFrom(bytes, end);
        return back;
      }
    }
    return NaN;
  });

/** The reader then stands at its first byte. */
const digest = (
  secret: ArrayLike<number>,
  letter: number,
  counter: number,
  front: ArrayLike<number>,
  body: Uint8Array,
): Uint8Array => {
  const bytes = new Uint8Array(5 + front.length + body.length);
  writeTo(bytes, 0);
  put(letter);
  putBytes(counter, 4);
  bytes.set(front, 5);
  bytes.set(body, 5 + front.length);
  const hash = hmacOfShort(secret, bytes);
  readFrom(hash, 0);
  return hash;
};

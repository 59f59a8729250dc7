import { putBytes, readFrom, takeBytes } from './cbor.js';
import { crc32 } from './engine.js';
import { checkWith, frame } from './frame.js';
import { announce, prove, ready, step } from './session.js';
import { hmacOfShort } from './sha256.js';
import { FLAG_RESUMES, HELLO, MAC_FROM_DEVICE, MAC_FROM_PROXY, PROOF, RESET } from './wire.js';

// A device with a key, PROTOCOL.md §9: it proves itself to the proxy, the proxy to it, and each frame of a session has a MAC in the place of its
// CRC. The session's key stays in RAM, so that a device that slept with it resumes the session and is not challenged again.

/** None before the first CHALLENGE. */
let sessionKey: Uint8Array | undefined;
/** Counters of the last sound frame each way. */
let sent: number;
let heard: number;
/** A 0 and the body of the last HELLO; none before the first, when a line may bring what was meant for a former life. */
let hello: Uint8Array | undefined;
/** It, until a CHALLENGE was answered, one for each HELLO, or the proxy has proven itself: who has no key could keep the device computing, or end its session. */
let unanswered: Uint8Array | 0 | undefined;

/** Gives the device its key, 16 to 64 characters of ASCII; before producer(). `headwater device add` prints the line. */
export const auth = (key: string): void =>
  checkWith((bytes, start, end) => {
    const type = bytes[start]!;
    const sum = crc32(bytes, start, end);
    if (bytes === frame) {
      if (type === HELLO) {
        // Before it lies the 0 of the first code.
        unanswered = hello = new Uint8Array(bytes.subarray(start - 1, end));
        if (sessionKey) prove();
        return sum;
      }
      putBytes(++sent, 4);
      const front = type === PROOF ? hello! : [MAC_FROM_DEVICE];
      digest(sessionKey!, front, bytes.subarray(start, end + 4));
      putBytes(takeBytes(4), 4);
      return takeBytes(4);
    }
    if (type < RESET) {
      // Espruino throws at what lies before an array.
      if (sessionKey && end > 8) {
        readFrom(bytes, end - 8);
        const counter = takeBytes(4);
        const front = takeBytes(4);
        const back = takeBytes(4);
        if (counter > heard) {
          digest(sessionKey, [MAC_FROM_PROXY], bytes.subarray(start, end - 4));
          if (takeBytes(4) === front && takeBytes(4) === back) {
            heard = counter;
            unanswered = 0;
            readFrom(bytes, end);
            return back;
          }
        }
      }
    } else if (sum === takeBytes(4)) {
      // RESET and CHALLENGE have a CRC. What RESET says is a hint: it may be anybody's word.
      if (type === RESET) step(RESET);
      else if (unanswered) {
        sessionKey = digest(
          key.split('').map((character) => character.charCodeAt(0)),
          unanswered,
          bytes.subarray(start, end),
        );
        sent = heard = unanswered = 0;
        announce(FLAG_RESUMES);
        prove();
        ready();
      }
    }
  });

/** The reader then stands at its first byte. */
const digest = (
  secret: ArrayLike<number>,
  front: readonly number[] | Uint8Array,
  bytes: Uint8Array,
): Uint8Array => {
  const hash = hmacOfShort(secret, front, bytes);
  readFrom(hash, 0);
  return hash;
};

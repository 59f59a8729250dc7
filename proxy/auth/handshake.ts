import { randomBytes } from 'node:crypto';
import { CHALLENGE, FLAG_RESUMES } from '../../sdk/wire.js';
import type { Hello } from '../message.js';
import type { DeviceKeys } from './auth.js';
import { SessionKey } from './session-key.js';

// HELLO → CHALLENGE → PROOF on one channel (PROTOCOL.md §9). It holds the last HELLO until that is proven; nothing but a sound PROOF changes
// anything outside of it. An unknown device is answered as a known one, and as late: it has a key here that nobody knows.

const nonceBytes = 16;

/** A PROOF that came: `again` has the body of a CHALLENGE to be sent. */
export type Answer =
  | { type: 'proven'; hello: Hello; key: SessionKey }
  | { type: 'again'; challenge: Uint8Array; why: 'resume-wrong' }
  | { type: 'wrong'; hello: Hello }
  | { type: 'nothing'; why: 'proof-unasked' };

interface Asked {
  hello: Hello;
  body: Uint8Array;
  /** That was sent for it; null: its PROOF comes at once, under the key of the device's last session. */
  challenge: Uint8Array | null;
}

export class Handshake {
  readonly #keys: DeviceKeys;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #lastOf: (device: string) => SessionKey | null;
  #asked: Asked | null = null;

  /** `lastOf`: the device's last session, which it may resume. */
  constructor(
    keys: DeviceKeys,
    random: (bytes: number) => Uint8Array,
    lastOf: (device: string) => SessionKey | null,
  ) {
    this.#keys = keys;
    this.#random = random;
    this.#lastOf = lastOf;
  }

  /** Answers the body of the CHALLENGE; null: a PROOF follows at once ([W-41]). */
  begin(hello: Hello, body: Uint8Array): Uint8Array | null {
    // Also where there is no session to be resumed: a CHALLENGE at once would say so.
    const resumes = (hello.flags & FLAG_RESUMES) !== 0;
    const challenge = resumes ? null : this.#challenge();
    this.#asked = { hello, body: Uint8Array.from(body), challenge };
    return challenge;
  }

  proof(frame: Uint8Array): Answer {
    const asked = this.#asked;
    if (asked === null) return { type: 'nothing', why: 'proof-unasked' };
    const { hello, body, challenge } = asked;
    if (challenge === null) {
      const last = this.#resumable(hello.device);
      const isSound = isProven(last ?? decoySession, frame, body);
      if (last !== null && isSound) return this.#proven(hello, last);
      asked.challenge = this.#challenge();
      return { type: 'again', challenge: asked.challenge, why: 'resume-wrong' };
    }
    const known = this.#keys.of(hello.device);
    for (const deviceKey of known.length === 0 ? [decoyKey] : known) {
      const key = new SessionKey(deviceKey, body, challenge);
      if (isProven(key, frame, body)) return this.#proven(hello, key);
    }
    this.#asked = null;
    return { type: 'wrong', hello };
  }

  /** Asked when the PROOF comes: since the HELLO its key may have been revoked, or another session begun. */
  #resumable(device: string): SessionKey | null {
    const last = this.#lastOf(device);
    if (last === null || last.isSpent) return null;
    return isAmong(this.#keys, device, last.deviceKey) ? last : null;
  }

  #proven(hello: Hello, key: SessionKey): Answer {
    this.#asked = null;
    return { type: 'proven', hello, key };
  }

  #challenge(): Uint8Array {
    return Uint8Array.of(CHALLENGE, 0x40 + nonceBytes, ...this.#random(nonceBytes));
  }
}

/** Of every device that is not known: to look at its PROOF takes as long as at another's. */
const decoyKey = randomBytes(32);
const decoySession = new SessionKey(decoyKey, new Uint8Array(), new Uint8Array());

/** A PROOF is its type alone: what lies before it under the MAC is HELLO then, and nothing else ([W-53]). */
function isProven(session: SessionKey, frame: Uint8Array, hello: Uint8Array): boolean {
  const body = session.open(frame, hello);
  return typeof body !== 'string' && body.length === 1;
}

/** Whether a key is still one of the device's. */
export function isAmong(keys: DeviceKeys, device: string, key: Uint8Array): boolean {
  return keys.of(device).some((one) => Buffer.compare(one, key) === 0);
}

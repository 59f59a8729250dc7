import { CHALLENGE, FLAG_RESUMES } from '../../sdk/wire.js';
import type { Hello } from '../message.js';
import type { DeviceKeys } from './auth.js';
import { SessionKey } from './session-key.js';

// HELLO → CHALLENGE → PROOF on one channel (PROTOCOL.md §9). It holds the last HELLO until that is proven; nothing but a sound PROOF changes
// anything outside of it.

const nonceBytes = 16;

/** A PROOF that came: `again` has the body of a CHALLENGE to be sent. */
export type Answer =
  | { type: 'proven'; hello: Hello; key: SessionKey }
  | { type: 'again'; challenge: Uint8Array; why: 'resume-wrong' }
  | { type: 'wrong'; hello: Hello }
  | { type: 'nothing'; why: 'proof-unasked' | 'resume-forgotten' };

interface Asked {
  hello: Hello;
  body: Uint8Array;
  /** That was sent for it, if any. */
  challenge: Uint8Array | null;
  /** The session under which its PROOF may come at once. */
  former: SessionKey | null;
  /** A PROOF under a session that is not known here may still come. */
  mayResume: boolean;
}

export class Handshake {
  readonly #keys: DeviceKeys;
  readonly #random: (bytes: number) => Uint8Array;
  #asked: Asked | null = null;

  constructor(keys: DeviceKeys, random: (bytes: number) => Uint8Array) {
    this.#keys = keys;
    this.#random = random;
  }

  /** `former`: the device's last session. Answers the body of the CHALLENGE; null: a PROOF follows at once ([W-41]). */
  begin(hello: Hello, body: Uint8Array, former: SessionKey | null): Uint8Array | null {
    const mayResume = (hello.flags & FLAG_RESUMES) !== 0;
    const isKnown =
      mayResume &&
      former !== null &&
      !former.isSpent &&
      isAmong(this.#keys, hello.device, former.deviceKey);
    this.#asked = {
      ...{ hello, body: Uint8Array.from(body), mayResume },
      former: isKnown ? former : null,
      challenge: isKnown ? null : this.#challenge(),
    };
    return this.#asked.challenge;
  }

  proof(frame: Uint8Array): Answer {
    const asked = this.#asked;
    if (asked === null) return { type: 'nothing', why: 'proof-unasked' };
    const { hello, body, challenge, former, mayResume } = asked;
    asked.mayResume = false;
    if (challenge === null) {
      if (former !== null && typeof former.open(frame, body) !== 'string') {
        return this.#proven(hello, former);
      }
      asked.challenge = this.#challenge();
      return { type: 'again', challenge: asked.challenge, why: 'resume-wrong' };
    }
    for (const deviceKey of this.#keys.of(hello.device)) {
      const key = new SessionKey(deviceKey, body, challenge);
      if (typeof key.open(frame, body) !== 'string') return this.#proven(hello, key);
    }
    if (mayResume) return { type: 'nothing', why: 'resume-forgotten' };
    this.#asked = null;
    return { type: 'wrong', hello };
  }

  #proven(hello: Hello, key: SessionKey): Answer {
    this.#asked = null;
    return { type: 'proven', hello, key };
  }

  #challenge(): Uint8Array {
    return Uint8Array.of(CHALLENGE, 0x40 + nonceBytes, ...this.#random(nonceBytes));
  }
}

/** Whether a key is still one of the device's. */
export function isAmong(keys: DeviceKeys, device: string, key: Uint8Array): boolean {
  return keys.of(device).some((one) => Buffer.compare(one, key) === 0);
}

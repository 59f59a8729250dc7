import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAC_FROM_DEVICE, MAC_FROM_PROXY, MAC_WITH_HELLO, SEQ_MAX } from '../../sdk/wire.js';

// The key of one session and the MACs under it (PROTOCOL.md §9): what has one in the place of its CRC is taken once, in order, or not at all. It
// outlives its connection, since a device may resume it.

/** Of a frame: its counter, and what follows of the MAC. */
export const macBytes = 12;
const counterBytes = 4;

export type Unsound = 'short' | 'mac' | 'replayed';

export class SessionKey {
  /** The device's key that it was made of. */
  readonly deviceKey: Uint8Array;
  readonly #key: Uint8Array;
  #heard = 0;
  #said = 0;

  /** `hello`, `challenge`: their bodies. */
  constructor(deviceKey: Uint8Array, hello: Uint8Array, challenge: Uint8Array) {
    this.deviceKey = deviceKey;
    this.#key = hmac(deviceKey, withHello, hello, challenge);
  }

  /** No further frame can be sent under it ([W-40]). */
  get isSpent(): boolean {
    return this.#said >= SEQ_MAX;
  }

  /** The body of a device's frame. `hello`: of a PROOF, the body of the HELLO that it is for. */
  open(frame: Uint8Array, hello: Uint8Array | null = null): Uint8Array | Unsound {
    const end = frame.length - macBytes;
    if (end < 1) return 'short';
    const body = frame.subarray(0, end);
    const counter = new DataView(frame.buffer, frame.byteOffset + end).getUint32(0);
    const covered = frame.subarray(0, end + counterBytes);
    const mac =
      hello === null
        ? hmac(this.#key, fromDevice, covered)
        : hmac(this.#key, withHello, hello, covered);
    const given = frame.subarray(covered.length);
    if (!timingSafeEqual(mac.subarray(0, macBytes - counterBytes), given)) return 'mac';
    if (counter <= this.#heard) return 'replayed';
    this.#heard = counter;
    return body;
  }

  /** A frame to the device: body and MAC. */
  seal(body: Uint8Array): Uint8Array {
    this.#said += 1;
    const frame = new Uint8Array(body.length + macBytes);
    frame.set(body);
    new DataView(frame.buffer).setUint32(body.length, this.#said);
    const covered = frame.subarray(0, body.length + counterBytes);
    const mac = hmac(this.#key, fromProxy, covered);
    frame.set(mac.subarray(0, macBytes - counterBytes), covered.length);
    return frame;
  }
}

const fromDevice = Uint8Array.of(MAC_FROM_DEVICE);
const fromProxy = Uint8Array.of(MAC_FROM_PROXY);
const withHello = Uint8Array.of(MAC_WITH_HELLO);

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const sum = createHmac('sha256', key);
  for (const part of parts) sum.update(part);
  return sum.digest();
}

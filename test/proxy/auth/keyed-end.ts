import { createHmac } from 'node:crypto';

// A device's end of a session with a key, from PROTOCOL.md §9 alone: it shares no code with the SDK, nor with what the proxy does about MACs.

const withHello = Buffer.of(0);
const fromDevice = Buffer.of(0x44);
const fromProxy = Buffer.of(0x50);

export class KeyedEnd {
  readonly #key: string;
  sessionKey: Buffer = Buffer.alloc(0);
  /** Counters of the last frame each way. */
  sent = 0;
  heard = 0;

  constructor(key: string) {
    this.#key = key;
  }

  /** Both are bodies. */
  challenged(hello: Uint8Array, challenge: Uint8Array): void {
    this.sessionKey = hmac(this.#key, withHello, hello, challenge);
    this.sent = this.heard = 0;
  }

  /** Body and MAC. `hello`: of a PROOF, the HELLO's body. */
  seal(body: Uint8Array, hello?: Uint8Array, sessionKey = this.sessionKey): Uint8Array {
    this.sent += 1;
    const front = hello === undefined ? [fromDevice] : [withHello, hello];
    const own = hmac(sessionKey, ...front, body, u32(this.sent));
    return Buffer.concat([body, u32(this.sent), own.subarray(0, 8)]);
  }

  /** The body of a proxy's frame; throws where its MAC or its counter is wrong. */
  open(frame: Uint8Array): Uint8Array {
    const body = frame.subarray(0, -12);
    const counter = Buffer.from(frame).readUInt32BE(body.length);
    const own = hmac(this.sessionKey, fromProxy, body, u32(counter));
    if (!own.subarray(0, 8).equals(frame.subarray(-8))) throw new Error('a wrong MAC');
    if (counter <= this.heard) throw new Error('a counter that is not above the last one');
    this.heard = counter;
    return body;
  }
}

function hmac(key: string | Uint8Array, ...parts: Uint8Array[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

import { createHmac } from 'node:crypto';

// A device's end of a session with a key, from PROTOCOL.md §9 alone: it shares no code with the SDK, nor with what the proxy does about MACs.

const fromDevice = 0x44;
const fromProxy = 0x50;
const ofSession = 0x4b;
const nothing: Uint8Array = new Uint8Array();

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
    this.sessionKey = mac(this.#key, ofSession, 0, hello, challenge);
    this.sent = this.heard = 0;
  }

  /** Body and MAC. `front`: of a PROOF, the HELLO's body. */
  seal(body: Uint8Array, front = nothing, sessionKey = this.sessionKey): Uint8Array {
    this.sent += 1;
    const own = mac(sessionKey, fromDevice, this.sent, front, body);
    return Buffer.concat([body, u32(this.sent), own.subarray(0, 8)]);
  }

  /** The body of a proxy's frame; throws where its MAC or its counter is wrong. */
  open(frame: Uint8Array): Uint8Array {
    const body = frame.subarray(0, -12);
    const counter = Buffer.from(frame).readUInt32BE(body.length);
    const own = mac(this.sessionKey, fromProxy, counter, nothing, body);
    if (!own.subarray(0, 8).equals(frame.subarray(-8))) throw new Error('a wrong MAC');
    if (counter <= this.heard) throw new Error('a counter that is not above the last one');
    this.heard = counter;
    return body;
  }
}

function mac(
  key: string | Uint8Array,
  letter: number,
  counter: number,
  front: Uint8Array,
  body: Uint8Array,
): Buffer {
  const whole = Buffer.concat([Buffer.of(letter), u32(counter), front, body]);
  return createHmac('sha256', key).update(whole).digest();
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

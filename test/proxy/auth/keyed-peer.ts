import { createHmac } from 'node:crypto';
import type { Auth, DeviceKeys } from '../../../proxy/auth/auth.js';
import { checkFrame, closed, encodeFrame, FrameReader } from '../../../proxy/frame.js';
import type { Channel, ChannelHandler } from '../../../proxy/listeners/channel.js';
import type { Session } from '../../../proxy/session.js';
import type { Sessions } from '../../../proxy/sessions.js';
import { type Answer, decodeAnswer } from '../talk.js';

// A device with a key at the other end of a channel, from PROTOCOL.md §9 alone: it shares no code with the SDK, nor with what the proxy does about MACs.

/** Keys as a test sets them. */
export class TestKeys implements DeviceKeys {
  readonly keys = new Map<string, Uint8Array[]>();
  readonly #listeners: ((device: string) => void)[] = [];

  of(device: string): readonly Uint8Array[] {
    return this.keys.get(device) ?? [];
  }
  onRevoked(listener: (device: string) => void): void {
    this.#listeners.push(listener);
  }
  trouble(): null {
    return null;
  }
  set(device: string, ...keys: string[]): void {
    this.keys.set(
      device,
      keys.map((key) => Buffer.from(key)),
    );
    for (const listener of this.#listeners) listener(device);
  }
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export class KeyedPeer {
  readonly handler: ChannelHandler;
  isClosed = false;
  /** What came since it was asked last: with a MAC that holds, or with a CRC. */
  readonly #answers: (Answer | { type: 'challenge'; body: Uint8Array })[] = [];
  readonly #key: string;
  #hello: Uint8Array = new Uint8Array();
  sessionKey: Buffer = Buffer.alloc(0);
  sent = 0;
  heard = 0;

  constructor(
    sessions: Sessions,
    key: string,
    { kind = 'connection', auth = 'keys' }: { kind?: Channel['kind']; auth?: Auth } = {},
  ) {
    this.#key = key;
    const frames = new FrameReader({
      frame: (frame) => this.#read(frame),
      broken: (why) => {
        throw new Error(`the proxy sent a broken frame: ${why}`);
      },
    });
    this.handler = sessions.accept({
      ...{ name: 'test', kind, auth },
      send: (bytes) => frames.push(bytes),
      close: () => {
        this.isClosed = true;
        this.handler.closed();
      },
    });
  }

  get session(): Session {
    return this.handler as Session;
  }

  heardSince(): string[] {
    return this.#answers
      .splice(0)
      .map((one) => (one.type === 'reset' ? `reset ${one.reason}` : one.type));
  }

  /** A HELLO's body, with its CRC. */
  hello(body: Uint8Array): string[] {
    this.#hello = body;
    this.handler.received(encodeFrame(body));
    return this.heardSince();
  }

  /** Under the session key that it has, or another. */
  proof(sessionKey = this.sessionKey): string[] {
    return this.sealed(Uint8Array.of(8), this.#hello, sessionKey);
  }

  /** The whole of it: HELLO, PROOF. */
  greet(body: Uint8Array): string[] {
    return [...this.hello(body), ...this.proof()];
  }

  sealed(
    body: Uint8Array,
    front: Uint8Array = new Uint8Array(),
    sessionKey = this.sessionKey,
  ): string[] {
    this.raw(this.seal(body, front, sessionKey));
    return this.heardSince();
  }

  /** Body and MAC. */
  seal(
    body: Uint8Array,
    front: Uint8Array = new Uint8Array(),
    sessionKey = this.sessionKey,
  ): Uint8Array {
    this.sent += 1;
    const mac = createHmac('sha256', sessionKey)
      .update(Buffer.concat([Buffer.of(0x44), u32(this.sent), front, body]))
      .digest();
    return Buffer.concat([body, u32(this.sent), mac.subarray(0, 8)]);
  }

  raw(frame: Uint8Array): void {
    this.handler.received(closed(frame));
  }

  #read(frame: Uint8Array): void {
    if (frame[0] === 2 || frame[0] === 5) {
      this.#answers.push(decodeAnswer(this.#opened(frame)));
      return;
    }
    const body = checkFrame(frame);
    if (typeof body === 'string') throw new Error(`the proxy sent a broken frame: ${body}`);
    if (body[0] !== 7) {
      this.#answers.push(decodeAnswer(body));
      return;
    }
    this.sessionKey = createHmac('sha256', this.#key)
      .update(Buffer.concat([Buffer.of(0x4b), u32(0), this.#hello, body]))
      .digest();
    this.sent = this.heard = 0;
    this.#answers.push({ type: 'challenge', body });
  }

  #opened(frame: Uint8Array): Uint8Array {
    const body = frame.subarray(0, -12);
    const counter = Buffer.from(frame).readUInt32BE(body.length);
    const mac = createHmac('sha256', this.sessionKey)
      .update(Buffer.concat([Buffer.of(0x50), u32(counter), body]))
      .digest();
    if (!mac.subarray(0, 8).equals(frame.subarray(-8))) throw new Error('a wrong MAC');
    if (counter <= this.heard) throw new Error('a counter that is not above the last one');
    this.heard = counter;
    return body;
  }
}

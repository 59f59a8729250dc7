import type { Auth, DeviceKeys } from '../../../proxy/auth/auth.js';
import { checkFrame, closed, encodeFrame, FrameReader } from '../../../proxy/frame.js';
import type { Channel, ChannelHandler } from '../../../proxy/listeners/channel.js';
import type { Session } from '../../../proxy/session.js';
import type { Sessions } from '../../../proxy/sessions.js';
import { type Answer, decodeAnswer } from '../talk.js';
import { KeyedEnd } from './keyed-end.js';

// A device with a key at the other end of a channel.

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

export class KeyedPeer extends KeyedEnd {
  readonly handler: ChannelHandler;
  isClosed = false;
  /** What came since it was asked last: with a MAC that holds, or with a CRC. */
  readonly #answers: (Answer | { type: 'challenge'; body: Uint8Array })[] = [];
  #hello: Uint8Array = new Uint8Array();

  constructor(
    sessions: Sessions,
    key: string,
    { kind = 'connection', auth = 'keys' }: { kind?: Channel['kind']; auth?: Auth } = {},
  ) {
    super(key);
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

  sealed(body: Uint8Array, hello?: Uint8Array, sessionKey = this.sessionKey): string[] {
    this.raw(this.seal(body, hello, sessionKey));
    return this.heardSince();
  }

  raw(frame: Uint8Array): void {
    this.handler.received(closed(frame));
  }

  #read(frame: Uint8Array): void {
    if (frame[0] === 2 || frame[0] === 5) {
      this.#answers.push(decodeAnswer(this.open(frame)));
      return;
    }
    const body = checkFrame(frame);
    if (typeof body === 'string') throw new Error(`the proxy sent a broken frame: ${body}`);
    if (body[0] !== 7) {
      this.#answers.push(decodeAnswer(body));
      return;
    }
    this.challenged(this.#hello, body);
    this.#answers.push({ type: 'challenge', body });
  }
}

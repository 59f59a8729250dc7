import { createHmac } from 'node:crypto';
import { checkFrame, closed, encodeFrame, FrameReader } from '../../proxy/frame.js';
import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import type { Sessions } from '../../proxy/sessions.js';
import { decodeAnswer } from '../proxy/talk.js';
import { check } from './target.js';

// A device with a key on a channel that others reach too, from PROTOCOL.md §9 alone. What has no sound MAC is nothing to it, and a CHALLENGE
// that it did not ask for neither. All that it says is written down, for whoever wants to say it again.

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const hmac = (key: string | Uint8Array, parts: Uint8Array[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();

export class KeyedOwner {
  readonly #handler: ChannelHandler;
  readonly #key: string;
  /** Every frame that went out, as it lies before COBS. */
  readonly #said: Uint8Array[];
  #hello = new Uint8Array();
  #isAsking = false;
  #sessionKey: Buffer | null = null;
  #sent = 0;
  #heard = 0;
  isClosed = false;
  isLive = false;
  next = 0;

  constructor(sessions: Sessions, key: string, kind: Channel['kind'], said: Uint8Array[]) {
    this.#key = key;
    this.#said = said;
    const frames = new FrameReader({
      frame: (frame) => this.#read(frame),
      broken: (why) => check(false, `the proxy says a broken frame: ${why}`),
    });
    this.#handler = sessions.accept({
      ...{ name: 'owner', kind, auth: 'keys' },
      send: (bytes) => frames.push(bytes),
      close: () => this.close(),
    });
  }

  /** From anybody on the line. */
  raw(bytes: Uint8Array): void {
    if (!this.isClosed) this.#handler.received(bytes);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isLive = false;
    this.#handler.closed();
  }

  greet(hello: Uint8Array): void {
    this.#hello = Uint8Array.from(hello);
    this.#isAsking = true;
    this.isLive = false;
    this.#say(encodeFrame(hello), hello);
    if (this.#sessionKey === null) return;
    const front = Buffer.from(this.#hello);
    const frame = this.seal(Uint8Array.of(8), front);
    this.#say(closed(frame), frame);
  }

  /** Says it now, or keeps it: it may still come. */
  sealed(body: Uint8Array, isKept: boolean): void {
    if (this.#sessionKey === null) return;
    const frame = this.seal(body);
    if (isKept) this.#said.push(frame);
    else this.#say(closed(frame), frame);
  }

  seal(body: Uint8Array, hello?: Uint8Array): Uint8Array {
    this.#sent += 1;
    const front = hello === undefined ? [Buffer.of(0x44)] : [Buffer.of(0), hello];
    const mac = this.#mac(...front, body, u32(this.#sent));
    return new Uint8Array(Buffer.concat([body, u32(this.#sent), mac]));
  }

  #mac(...parts: Uint8Array[]): Buffer {
    return hmac(this.#sessionKey!, parts).subarray(0, 8);
  }

  #say(stream: Uint8Array, frame: Uint8Array): void {
    this.#said.push(frame);
    this.raw(stream);
  }

  #read(frame: Uint8Array): void {
    const type = frame[0];
    if (type === 2 || type === 5) {
      this.#answer(frame);
      return;
    }
    const body = checkFrame(frame);
    check(typeof body !== 'string', 'the proxy says a broken frame');
    if (body[0] === 6) this.isLive = false;
    if (body[0] !== 7 || !this.#isAsking) return;
    this.#isAsking = false;
    this.#sessionKey = hmac(this.#key, [Buffer.of(0), this.#hello, body]);
    this.#sent = this.#heard = 0;
    const proof = this.seal(Uint8Array.of(8), this.#hello);
    // Not before its turn: the proxy is in the middle of what it says.
    this.#proof = proof;
  }

  #proof: Uint8Array | null = null;

  /** PROOF, where a CHALLENGE came. */
  prove(): void {
    const proof = this.#proof;
    this.#proof = null;
    if (proof !== null) this.#say(closed(proof), proof);
  }

  #answer(frame: Uint8Array): void {
    if (this.#sessionKey === null || frame.length < 13) return;
    const body = frame.subarray(0, -12);
    const counter = Buffer.from(frame).readUInt32BE(body.length);
    const mac = this.#mac(Buffer.of(0x50), body, u32(counter));
    if (!mac.equals(frame.subarray(-8)) || counter <= this.#heard) return;
    this.#heard = counter;
    const answer = decodeAnswer(body);
    if (answer.type === 'welcome') {
      this.isLive = true;
      this.#isAsking = false;
      this.next = answer.boots[0]!.next;
    }
    if (answer.type === 'ack') this.next = Math.max(this.next, answer.next);
  }
}

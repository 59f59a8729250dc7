import { macBytes } from '../../proxy/auth/session-key.js';
import { checkFrame, FrameReader } from '../../proxy/frame.js';
import { decodeMessage, type Hello } from '../../proxy/message.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';
import { ACK, DATA, PROOF, RESET, TABLE, WELCOME } from '../../sdk/wire.js';
import { check } from './target.js';

// The way between a fuzzed device and whoever is at its other end; and what a bystander knows of the device by listening alone: its last
// HELLO, how far it has sent, and which events a WELCOME or an ACK allowed it to forget ([W-21]).

export class Air implements Link {
  #events: LinkEvents | null = null;
  #isUp = false;
  /** Of the frame that was written last, what was not taken. */
  #rest = 0;
  /** Bytes that it takes until `ready`. */
  room = Number.POSITIVE_INFINITY;
  /** Hears what was taken. */
  hear: (bytes: Uint8Array) => void = () => {};
  readonly bystander: Bystander;
  /** It was opened, and is not up yet. */
  onOpen: () => void = () => {};

  constructor(bystander: Bystander) {
    this.bystander = bystander;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#isUp = false;
    this.#rest = 0;
    this.onOpen();
  }
  write(bytes: Uint8Array): number {
    if (!this.#isUp) return 0;
    if (bytes.length !== this.#rest) this.bystander.said(bytes);
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.#rest = bytes.length - taken;
    this.hear(bytes.slice(0, taken));
    return taken;
  }
  close(): void {
    this.#events = null;
    this.#isUp = false;
    this.#rest = 0;
  }

  get isOpen(): boolean {
    return this.#events !== null;
  }
  get isUp(): boolean {
    return this.#isUp;
  }
  up(): void {
    this.room = Number.POSITIVE_INFINITY;
    this.#isUp = this.isOpen;
    this.#events?.up();
  }
  down(): void {
    const events = this.#events;
    this.close();
    events?.down();
  }
  ready(): void {
    this.room = Number.POSITIVE_INFINITY;
    if (this.#isUp) this.#events?.ready();
  }
  /** What comes before `up` comes from nobody. */
  say(bytes: Uint8Array, isHonest = false): void {
    if (!this.#isUp) return;
    this.bystander.isHonest = isHonest;
    this.bystander.heard(bytes);
    this.#events?.data(bytes.slice());
  }
}

/** The items of a body as a device reads them: the number in each head, whatever its kind. */
function itemsOf(body: Uint8Array): number[] {
  const items: number[] = [];
  for (let at = 0; items.length < 6; ) {
    const low = (body[at++] ?? Number.NaN) % 32;
    let value = low;
    if (!(low < 24)) {
      value = 0;
      for (let left = 1 << (low - 24); left > 0; left--)
        value = value * 256 + (body[at++] ?? Number.NaN);
    }
    items.push(value);
  }
  return items;
}

export class Bystander {
  /** By life: seqs that may be forgotten. What the device says that it forgot, and is told again, is none of them. */
  readonly #allowed = new Map<number, { from: number; to: number }[]>();
  /** Lives that were given another number: what a proxy had under the one before comes again. */
  readonly renamed = new Set<number>();
  /** The device has a key: who has none lets it forget nothing, whatever he says. */
  readonly hasKey: boolean;
  /** Whoever speaks has the key, if there is one. */
  isHonest = false;
  /** Which life of the device is running, from 0 on. */
  life = 0;
  hellos = 0;
  hello: Hello | null = null;
  /** Lives before it of which something was stored: the newest of them are held, since the oldest is brought first. */
  readonly stored: number[] = [];
  #isAnswered = true;
  #isReset = true;
  /** The boot that is sent, and what it is called: WELCOME may have named it, and the device may not follow. */
  #sending = 0;
  #names: number[] = [];
  #sent = 0;
  #least = 0;

  readonly #said = new FrameReader({
    frame: (frame) => this.#message(frame),
    broken: (why) => check(false, `the device says a broken frame: ${why}`),
  });
  readonly #heard = new FrameReader({ frame: (frame) => this.#answer(frame), broken: () => {} });

  constructor(hasKey = false) {
    this.hasKey = hasKey;
  }

  /** What has a MAC is read as it is: that it holds is checked by whoever has the key. */
  #bodyOf(frame: Uint8Array): Uint8Array | string {
    const isSealed = this.hasKey && [WELCOME, TABLE, DATA, ACK, PROOF].includes(frame[0] ?? 0);
    return isSealed ? frame.subarray(0, -macBytes) : checkFrame(frame);
  }

  /** A whole frame of the device, whatever the link takes of it. */
  said(bytes: Uint8Array): void {
    check(bytes.length <= 257, 'a frame that is longer than its buffer');
    this.#said.push(bytes);
  }

  heard(bytes: Uint8Array): void {
    this.#heard.push(bytes);
  }

  #message(frame: Uint8Array): void {
    const body = this.#bodyOf(frame);
    if (this.hasKey && frame[0] === PROOF) return;
    check(typeof body !== 'string', 'the device says a broken frame');
    const message = decodeMessage(body);
    // Under a number that is none nothing is taken, and the next HELLO asks for another.
    const isNameless =
      this.#names.includes(0) && message.type === 'malformed' && message.why === 'boot: 0';
    if (message.type === 'malformed' && !isNameless) {
      check(false, `the device says what no proxy reads: ${message.what}: ${message.why}`);
    }
    check(message.type !== 'other', 'the device says what no device says');
    if (message.type === 'data') this.#sent = Math.max(this.#sent, message.first + message.count);
    if (message.type === 'hello') this.#greeted(message);
  }

  #greeted(hello: Hello): void {
    this.hellos++;
    this.hello = hello;
    this.#isAnswered = false;
    this.#isReset = true;
    const [first] = hello.boots;
    const held = hello.boots.length - 1;
    check(held <= this.stored.length, 'more boots than there were');
    this.#sending = held === 0 ? this.life : this.stored.at(-held)!;
    this.#names = [first!.boot ?? 0];
    this.#least = first!.lowest;
  }

  #answer(frame: Uint8Array): void {
    if (this.hasKey && !this.isHonest) return;
    const body = this.#bodyOf(frame);
    const first = this.hello?.boots[0];
    if (typeof body === 'string' || first === undefined) return;
    const [type, one = Number.NaN, next = Number.NaN, , , boot = Number.NaN] = itemsOf(body);
    if (type === RESET) this.#isReset = true;
    if (type === WELCOME && one === this.hello?.nonce && !this.#isAnswered) {
      const isOver = (this.hello?.boots.length ?? 0) > 1;
      if (!(next >= this.#least) || !(next <= first.next || isOver)) return;
      this.#isAnswered = true;
      this.#isReset = false;
      const name = boot >>> 0;
      if (!this.#names.includes(name) && this.#names[0] !== 0) this.renamed.add(this.#sending);
      this.#names.push(name);
      this.#allow(next);
      this.#sent = this.#least = next;
    }
    const isAck = type === ACK && !this.#isReset && this.#names.includes(one);
    if (!isAck || !(next >= this.#least) || !(next <= this.#sent)) return;
    this.#allow(next);
    this.#least = next;
  }

  isAllowed(life: number, seq: number): boolean {
    return (this.#allowed.get(life) ?? []).some(({ from, to }) => seq >= from && seq < to);
  }

  #allow(next: number): void {
    const ranges = this.#allowed.get(this.#sending) ?? [];
    ranges.push({ from: this.#least, to: next });
    this.#allowed.set(this.#sending, ranges);
  }
}

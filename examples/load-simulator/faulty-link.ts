// Between the SDK and its socket: what goes wrong on a link. As long as nothing does, a call more.

import type { Link, LinkEvents } from 'headwater/link';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

/** A slow link gives out its bytes so often. */
const sliceMs = 100;

export class FaultyLink implements Link {
  isUp = false;
  readonly #inner: Link;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #events: LinkEvents | null = null;
  #isCut = false;
  #isStalled = false;
  #isDeaf = false;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #garbledShare = 0;
  /** What a stalled link holds back. */
  #held: (() => void)[] = [];
  /** Bytes that the slow link still takes in this slice. */
  #slice = 0;
  #isSliced = false;
  #isBlocked = false;

  constructor(inner: Link, scheduler: Scheduler, random: Random) {
    this.#inner = inner;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#forget();
    if (this.#isCut) {
      this.#later(events, () => this.#down(events));
      return;
    }
    const mine = (act: () => void) => {
      if (this.#events !== events || this.#isDeaf) return;
      if (this.#isStalled) this.#held.push(act);
      else act();
    };
    this.#inner.open({
      up: () =>
        mine(() => {
          this.isUp = true;
          events.up();
        }),
      down: () => {
        if (this.#events === events && !this.#isDeaf) this.#down(events);
      },
      data: (bytes) => {
        if (this.#isStalled) {
          const copy = Uint8Array.from(bytes);
          mine(() => events.data(copy));
        } else mine(() => events.data(this.#garbled(bytes)));
      },
      ready: () => mine(() => events.ready()),
    });
  }

  write(bytes: Uint8Array): number {
    if (this.#isStalled || this.#isDeaf) {
      this.#isBlocked = true;
      return 0;
    }
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) {
      return this.#inner.write(this.#garbled(bytes));
    }
    const part = bytes.subarray(0, this.#takeSlice(bytes.length));
    return part.length === 0 ? 0 : this.#inner.write(this.#garbled(part));
  }

  close(): void {
    this.#events = null;
    this.#forget();
    this.#inner.close();
  }

  /** The cable is out, or in again: no opening succeeds meanwhile. */
  cut(isCut: boolean): void {
    this.#isCut = isCut;
    if (isCut) this.drop();
  }

  /** The connection stays at the other end, and nothing of it is heard or said here until it is dropped. */
  deafen(): void {
    this.#isDeaf = true;
  }

  /** The connection is gone. */
  drop(): void {
    const events = this.#events;
    this.#isDeaf = false;
    this.#inner.close();
    if (events !== null) this.#later(events, () => this.#down(events));
  }

  /** It stays open and carries nothing. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    if (isStalled) return;
    for (const act of this.#held.splice(0)) act();
    this.#unblock();
  }

  slow(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    if (bytesPerSecond === Number.POSITIVE_INFINITY) this.#unblock();
  }

  /** The share of the bytes of which a bit is flipped, both ways. */
  garble(share: number): void {
    this.#garbledShare = share;
  }

  #down(events: LinkEvents): void {
    this.#events = null;
    this.#forget();
    events.down();
  }

  #forget(): void {
    this.isUp = false;
    this.#isDeaf = false;
    this.#held = [];
    this.#isBlocked = false;
  }

  #unblock(): void {
    if (!this.#isBlocked || this.#isStalled) return;
    this.#isBlocked = false;
    const events = this.#events;
    if (events !== null) this.#later(events, () => events.ready());
  }

  /** Nothing calls back from inside a call of the SDK. */
  #later(events: LinkEvents, act: () => void): void {
    this.#scheduler.after(0, () => {
      if (this.#events === events) act();
    });
  }

  #takeSlice(bytes: number): number {
    if (!this.#isSliced) {
      this.#isSliced = true;
      this.#slice = Math.max(1, Math.round((this.#bytesPerSecond * sliceMs) / 1000));
      this.#scheduler.after(sliceMs, () => {
        this.#isSliced = false;
        this.#unblock();
      });
    }
    const taken = Math.min(bytes, this.#slice);
    this.#slice -= taken;
    if (taken < bytes) this.#isBlocked = true;
    return taken;
  }

  #garbled(bytes: Uint8Array): Uint8Array {
    if (this.#garbledShare === 0) return bytes;
    const copy = Uint8Array.from(bytes);
    for (let at = 0; at < copy.length; at++) {
      if (this.#random() < this.#garbledShare) copy[at]! ^= 1 << Math.floor(this.#random() * 8);
    }
    return copy;
  }
}

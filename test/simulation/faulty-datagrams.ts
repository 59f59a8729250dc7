import { framesOfDatagram, toDatagram } from '../../proxy/datagram.js';
import { framesOf, toStream } from '../../proxy/frame.js';
import type { Accept, ChannelHandler } from '../../proxy/listeners/channel.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';

// A way for datagrams on which everything goes wrong that can: each is lost, there twice, late, so that others overtake it, or damaged;
// the device comes from another address, of which neither end hears; nobody answers for a while; the proxy forgets an address.

interface Datagram {
  atMs: number;
  deliver(): void;
}

export class FaultyDatagrams implements Link {
  /** While true nothing goes wrong any more. */
  healed = false;
  readonly #random: Random;
  /** Where there is one, each delivery is a task of it; else `advance` delivers. */
  readonly #scheduler: Scheduler | null;
  #accept: Accept;
  #events: LinkEvents | null = null;
  #handler: ChannelHandler | null = null;
  /** Of the device's address: another one hears nothing of what is sent to the old. */
  #address = 0;
  #nowMs = 0;
  #underWay: Datagram[] = [];
  #swallowsUntilMs = 0;

  constructor(random: Random, accept: Accept, scheduler: Scheduler | null = null) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#accept = accept;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#move();
    this.#later(0, () => {
      if (this.#events === events) events.up();
    });
  }

  write(bytes: Uint8Array): number {
    if (this.#events === null) return 0;
    if (!this.healed && this.#random.chance(1 / 20)) {
      const events = this.#events;
      this.#later(20, () => {
        if (this.#events === events) events.ready();
      });
      return 0;
    }
    if (!this.healed && this.#random.chance(1 / 100)) this.#move();
    const address = this.#address;
    this.#carry(bytes, (datagram) => {
      const frames = framesOfDatagram(datagram);
      if (frames === null || address !== this.#address) return;
      this.#handler ??= this.#meet();
      this.#handler.received(toStream(frames));
    });
    return bytes.length;
  }

  close(): void {
    this.#events = null;
  }

  /** Time goes on: delivers what is due. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
    for (;;) {
      const due = this.#underWay.filter(({ atMs }) => atMs <= nowMs);
      if (due.length === 0) return;
      this.#underWay = this.#underWay.filter(({ atMs }) => atMs > nowMs);
      due.sort((a, b) => a.atMs - b.atMs);
      for (const { deliver } of due) deliver();
    }
  }

  /** The proxy forgets the address; the device hears of it by its next datagram's answer. */
  cut(): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.closed();
  }

  swallow(forMs: number): void {
    this.#swallowsUntilMs = this.#now + forMs;
  }

  forgetDevice(): void {
    this.#events = null;
  }

  restartProxy(accept: Accept): void {
    this.#accept = accept;
    this.#handler = null;
  }

  /** Another address, by a new socket or a NAT: the proxy keeps what it had with the old one until that is silent for long. */
  #move(): void {
    this.#address++;
    this.#handler = null;
  }

  #meet(): ChannelHandler {
    const address = this.#address;
    const handler: ChannelHandler = this.#accept({
      name: `udp ${address}`,
      kind: 'datagrams',
      auth: 'none',
      send: (bytes) => {
        for (const frame of framesOf(bytes)) {
          this.#carry(toDatagram(frame), (datagram) => {
            if (address === this.#address) this.#events?.data(datagram);
          });
        }
      },
      close: () => {
        if (this.#handler === handler) this.cut();
      },
    });
    return handler;
  }

  #carry(bytes: Uint8Array, deliver: (datagram: Uint8Array) => void): void {
    const random = this.#random;
    const copy = bytes.slice();
    let times = 1;
    if (!this.healed) {
      if (this.#now < this.#swallowsUntilMs) return;
      if (random.chance(1 / 60)) copy[random.below(copy.length)]! ^= 1 << random.below(8);
      if (random.chance(1 / 10)) times = 0;
      if (random.chance(1 / 10)) times = 2;
    }
    while (times-- > 0) {
      const delayMs = this.healed ? 5 : random.below(300);
      this.#later(delayMs, () => deliver(copy));
    }
  }

  #later(delayMs: number, deliver: () => void): void {
    this.#underWay.push({ atMs: this.#now + delayMs, deliver });
    const scheduler = this.#scheduler;
    scheduler?.after(delayMs, () => this.advance(scheduler.nowMs));
  }

  get #now(): number {
    return this.#scheduler?.nowMs ?? this.#nowMs;
  }
}

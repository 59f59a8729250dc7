import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';

// A way between one device and the proxy on which everything goes wrong that can: bytes are late, in other pieces, lost,
// flipped or there twice; writes are taken in part; the connection is cut, or swallows all. A *connection* ends and begins
// anew; a *line* is always there, and neither end hears of the other's restart.

interface Piece {
  atMs: number;
  deliver(): void;
}

export class FaultyLink implements Link {
  /** While true nothing goes wrong any more. */
  healed = false;
  readonly #random: Random;
  readonly #kind: Channel['kind'];
  /** Where there is one, each delivery is a task of it; else `advance` delivers. */
  readonly #scheduler: Scheduler | null;
  #accept: (channel: Channel) => ChannelHandler;
  #events: LinkEvents | null = null;
  #handler: ChannelHandler | null = null;
  #isUp = false;
  #nowMs = 0;
  /** In order of delivery, each way. */
  #toProxy: Piece[] = [];
  #toDevice: Piece[] = [];
  #swallowsUntilMs = 0;

  constructor(
    random: Random,
    kind: Channel['kind'],
    accept: (channel: Channel) => ChannelHandler,
    scheduler: Scheduler | null = null,
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#kind = kind;
    this.#accept = accept;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    const isRefused = !this.healed && this.#kind === 'connection' && this.#random.chance(1 / 5);
    this.#later(this.#toDevice, () => {
      if (isRefused) {
        this.#events = null;
        events.down();
        return;
      }
      this.#isUp = true;
      if (this.#handler === null || this.#kind === 'connection') this.#connect();
      events.up();
    });
  }

  write(bytes: Uint8Array): number {
    if (!this.#isUp) return 0;
    const taken = this.healed ? bytes.length : this.#random.below(bytes.length + 1);
    if (taken < bytes.length) this.#later(this.#toProxy, () => this.#events?.ready());
    const handler = this.#handler;
    this.#carry(this.#toProxy, bytes.slice(0, taken), (piece) => handler?.received(piece));
    return taken;
  }

  close(): void {
    this.#events = null;
    this.#isUp = false;
    if (this.#kind === 'line') return;
    this.#toDevice = [];
    this.#disconnect();
  }

  /** Time goes on: delivers what is due. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const queue of ['proxy', 'device'] as const) {
      for (;;) {
        const pieces = queue === 'proxy' ? this.#toProxy : this.#toDevice;
        const [piece] = pieces;
        if (piece === undefined || piece.atMs > nowMs) break;
        pieces.shift();
        piece.deliver();
      }
    }
  }

  /** Both ends hear of it; a line that is cut only loses what is on its way. */
  cut(): void {
    const events = this.#events;
    this.#toProxy = [];
    this.#toDevice = [];
    if (this.#kind === 'line') return;
    this.#events = null;
    this.#isUp = false;
    this.#disconnect();
    events?.down();
  }

  swallow(forMs: number): void {
    this.#swallowsUntilMs = this.#now + forMs;
  }

  /** The device lost its power: the proxy does not hear of it, and what is on its way arrives. */
  forgetDevice(): void {
    this.#events = null;
    this.#isUp = false;
    if (this.#kind === 'line') return;
    this.#toDevice = [];
    this.#handler = null;
  }

  /** The proxy is gone, and another is there. */
  restartProxy(accept: (channel: Channel) => ChannelHandler): void {
    this.#accept = accept;
    this.#handler = null;
    this.cut();
    if (this.#kind === 'line') this.#connect();
  }

  #connect(): void {
    this.#disconnect();
    let isOpen = true;
    this.#handler = this.#accept({
      name: 'simulated',
      kind: this.#kind,
      auth: 'none',
      send: (bytes) => {
        if (!isOpen) return;
        this.#carry(this.#toDevice, bytes.slice(), (piece) => this.#events?.data(piece));
      },
      close: () => {
        if (this.#kind === 'line' || !isOpen) return;
        isOpen = false;
        this.#later(this.#toDevice, () => this.cut());
      },
    });
  }

  #disconnect(): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#toProxy = [];
    handler?.closed();
  }

  #carry(queue: Piece[], bytes: Uint8Array, deliver: (piece: Uint8Array) => void): void {
    const random = this.#random;
    const target = queue === this.#toProxy ? 'proxy' : 'device';
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + 1 + random.below(80));
      const piece = bytes.slice(start, end);
      start = end;
      let times = 1;
      if (!this.healed) {
        if (this.#now < this.#swallowsUntilMs) continue;
        if (random.chance(1 / 60)) piece[random.below(piece.length)]! ^= 1 << random.below(8);
        if (random.chance(1 / 80)) times = 0;
        if (random.chance(1 / 80)) times = 2;
      }
      while (times-- > 0) {
        const pieces = target === 'proxy' ? this.#toProxy : this.#toDevice;
        this.#later(pieces, () => deliver(piece));
      }
    }
  }

  #later(queue: Piece[], deliver: () => void): void {
    const before = queue.at(-1)?.atMs ?? 0;
    const delayMs = this.healed ? 5 : this.#random.below(300);
    const atMs = Math.max(before, this.#now + delayMs);
    queue.push({ atMs, deliver });
    const scheduler = this.#scheduler;
    scheduler?.after(atMs - this.#now, () => this.advance(scheduler.nowMs));
  }

  get #now(): number {
    return this.#scheduler?.nowMs ?? this.#nowMs;
  }
}

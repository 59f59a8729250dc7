import { decodeBlock } from '../../proxy/block.js';
import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import { decodeTable } from '../../proxy/table.js';
import type { Sdk } from '../../targets/instance.js';
import { TestKeys } from '../proxy/auth/keyed-peer.js';
import { site } from '../proxy/talk.js';
import { Random } from '../random.js';
import { FlashModel } from '../sdk/stores/flash-model.js';
import { type VirtualEngine, virtualEngine } from '../sdk/virtual-engine.js';
import { Air, Bystander } from './device-air.js';
import { check } from './target.js';

// A device as it ships, life after life, a hostile proxy at the other end of its link, and an honest one that comes in the end. Each event
// holds its own number, so that what arrives tells which ones did.

export type Sdks = (engine: VirtualEngine) => Sdk;

const key = 'q7RkzV0mJx2Yb9LwTfEo4SgHn6UdC1Ap';
const backoffMs = 400;
const ackTimeoutMs = 5_000;
/** [W-25], and the most that a RESET brings about; then the minute in which it is looked again. */
const silenceMsMax = 4_000_000 + 64 * backoffMs + 2 * ackTimeoutMs + 60_000;

export interface Kind {
  isFlash: boolean;
  hasAnchors: boolean;
  hasKey: boolean;
}

export class DeviceTrial {
  readonly bystander: Bystander;
  readonly #sdks: Sdks;
  readonly #kind: Kind;
  readonly #flash: FlashModel;
  readonly #keys = new TestKeys();
  readonly #site = site({}, undefined, undefined, this.#keys);
  readonly #channel: Channel;
  #handler: ChannelHandler | null = null;
  /** By life and seq: the event that it is. */
  readonly #events: number[][] = [];
  #count = 0;
  #random = new Random(1);
  air!: Air;
  engine!: VirtualEngine;
  sdk!: Sdk;
  #send!: (value: number) => unknown;

  constructor(sdks: Sdks, kind: Kind) {
    this.#sdks = sdks;
    this.#kind = kind;
    this.bystander = new Bystander(kind.hasKey);
    this.#keys.set('mote-1', key);
    this.#flash = new FlashModel(4_096, 4, 4, this.#random, new Uint8Array(16_384).fill(0xff));
    this.#channel = {
      ...{ name: 'honest', kind: 'connection', auth: kind.hasKey ? 'keys' : 'none' },
      send: (bytes) => this.#soon((air) => air.say(bytes, true)),
      close: () => this.#soon((air) => air.down()),
    };
    this.#begin();
  }

  #begin(): void {
    this.bystander.life = this.#events.length;
    this.#events.push([]);
    this.engine = virtualEngine(1_000);
    const random = this.#random.fork();
    this.engine.random = () => random.next();
    this.air = new Air(this.bystander);
    const sdk = this.#sdks(this.engine);
    this.sdk = sdk;
    const climate = sdk.stream('climate', { id: sdk.int });
    if (this.#kind.hasKey) sdk.auth(key);
    if (this.#kind.hasAnchors) sdk.anchors();
    const store = this.#kind.isFlash ? sdk.flash(this.#flash) : undefined;
    const { air: link } = this;
    const hw = sdk.producer({
      ...{ device: 'mote-1', link, store, bufferBytes: 8_192, lingerMs: 100 },
      ...{ retryBackoffMs: backoffMs, ackTimeoutMs },
    });
    this.#send = (id) => hw.send(climate, { id });
  }

  send(): void {
    const taken = this.#send(this.#count);
    check(taken !== false, 'an event was not taken, and there is room');
    this.#events.at(-1)!.push(this.#count++);
  }

  advance(ms: number): void {
    this.engine.advance(ms);
    this.#site.clock.advance(ms);
    check(this.#handler !== null || this.engine.pending() <= 4, 'more and more timers');
  }

  /** The power goes and comes back; what waited in RAM is in the flash by then. RAM alone keeps nothing, and is left on. */
  power(): void {
    if (!this.#kind.isFlash || this.#events.length >= 4) return;
    this.advance(200);
    this.air.close();
    this.#leave();
    if (this.#events.at(-1)!.length > 0) this.bystander.stored.push(this.bystander.life);
    this.#begin();
  }

  /** From now on whoever hears the device is honest; false ends it. */
  honest(isHonest: boolean): void {
    const { air } = this;
    air.down();
    this.#leave();
    const heard = (bytes: Uint8Array) => this.#soon(() => this.#handler?.received(bytes));
    air.hear = isHonest ? heard : () => {};
    air.onOpen = isHonest ? () => this.#soon(() => this.#connect()) : () => {};
  }

  #connect(): void {
    this.#leave();
    if (!this.air.isOpen) return;
    this.#handler = this.#site.sessions.accept(this.#channel);
    this.air.up();
  }

  #leave(): void {
    this.#handler?.closed();
    this.#handler = null;
  }

  /** A link calls nobody back before its call has returned. */
  #soon(task: (air: Air) => void): void {
    const { air } = this;
    this.engine.after(() => {
      if (air === this.air) task(air);
    }, 1);
  }

  /** The honest one syncs at once. */
  exchange(ms: number): void {
    this.#site.journal.sync();
    this.advance(ms);
    this.#site.journal.sync();
  }

  /** It greets, and brings what it was not allowed to forget. */
  finish(): void {
    this.honest(true);
    const { hellos } = this.bystander;
    let silentMs = 0;
    while (this.bystander.hellos === hellos) {
      check(silentMs <= silenceMsMax, 'silenced for good');
      this.exchange(30_000);
      silentMs += 30_000;
    }
    for (let left = 400; this.#isWaiting(); left--) {
      check(left > 0, 'it greets an honest proxy, and does not come through');
      this.exchange(1_000);
    }
    this.#judge();
  }

  #isWaiting(): boolean {
    const { ready, buffered } = this.sdk.stats();
    return !ready || buffered > 0 || (this.bystander.hello?.boots.length ?? 0) > 1;
  }

  #judge(): void {
    const arrived = this.#arrived();
    for (const [life, events] of this.#events.entries()) {
      for (const [seq, id] of events.entries()) {
        const times = arrived.get(id) ?? 0;
        check(times <= 1 || this.bystander.renamed.has(life), 'an event came twice');
        const isAllowed = this.bystander.isAllowed(life, seq);
        check(times > 0 || isAllowed, 'an event was forgotten that nobody acknowledged');
      }
    }
  }

  /** By event, how often. */
  #arrived(): Map<number, number> {
    const { journal } = this.#site;
    const arrived = new Map<number, number>();
    for (const record of journal.records) {
      if (record.kind !== 'block') continue;
      const table = journal.table(record.device, record.table);
      const streams = table === null ? null : decodeTable(table.bytes);
      if (streams === null || typeof streams === 'string') continue;
      const block = decodeBlock(record.bytes, streams, record.count);
      if (block.kind !== 'events') continue;
      for (const { values } of block.events.slice(record.from - record.first)) {
        const id = Number(values[0]);
        arrived.set(id, (arrived.get(id) ?? 0) + 1);
      }
    }
    return arrived;
  }
}

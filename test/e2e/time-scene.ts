import { byJournal } from '../../proxy/acknowledged.js';
import { noKeys } from '../../proxy/auth/auth.js';
import { createBooks } from '../../proxy/books.js';
import { decodePayload, encodePayload, recordType } from '../../proxy/journal/payload.js';
import type { JournalRecord } from '../../proxy/journal/record.js';
import { createRecordMaker } from '../../proxy/kafka/records.js';
import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import { createOutcomes } from '../../proxy/outcomes.js';
import { Sessions } from '../../proxy/sessions.js';
import { emptyTableId } from '../../proxy/table.js';
import type { Link, LinkEvents } from '../../sdk/links/link.js';
import type { ProducerOptions } from '../../sdk/options.js';
import { type Sdk, sdkFactory } from '../../targets/instance.js';
import { MemoryJournal } from '../proxy/memory-journal.js';
import { Peer, siteLimits, TestClock } from '../proxy/talk.js';
import { type VirtualEngine, virtualEngine } from '../sdk/virtual-engine.js';

// A site for event times: devices that ship, on clocks of their own, against the proxy's own sessions and record maker.
// True time is the scene's, which neither end sees: a record's error is measured against it.

const instantiate = await sdkFactory();
const device = 'mote-1';
const start = 1_763_956_800_000;

/** A proxy with its own clock and journal; it may be started anew. */
export class TestProxy {
  readonly clock = new TestClock();
  journal = new MemoryJournal();
  sessions: Sessions;
  readonly #counts = new Map<string, number>();

  constructor(aheadMs: number) {
    this.clock.wallMs = start + aheadMs;
    this.sessions = this.#begin();
  }

  /** Another process, which finds what was durable. */
  restart(): void {
    this.journal.sync();
    this.journal = this.journal.afterCrash();
    this.sessions = this.#begin();
  }

  count(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  #begin(): Sessions {
    const { clock, journal } = this;
    const outcomes = createOutcomes(clock, () => {});
    const site = { clock, journal, books: createBooks() };
    const count = (kind: string) => {
      this.#counts.set(kind, this.count(kind) + 1);
      outcomes.count(kind);
    };
    return new Sessions({
      ...site,
      acknowledged: byJournal(site.journal),
      outcomes: { ...outcomes, count },
      keys: noKeys,
      allow: null,
      limits: { ...siteLimits, helloTimeoutMs: 10_000, windowEvents: 1e5, windowBytes: 1e7 },
    });
  }
}

/** Frames are late by `lateMs` on their way to the proxy, which hears them in order. */
class Way implements Link {
  lateMs = 0;
  isUp = true;
  #events: LinkEvents | null = null;
  #handler: ChannelHandler | null = null;
  #toProxy: { atMs: number; bytes: Uint8Array }[] = [];
  #toDevice: Uint8Array[] = [];
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  open(events: LinkEvents): void {
    this.#events = events;
  }
  write(bytes: Uint8Array): number {
    const before = this.#toProxy.at(-1)?.atMs ?? 0;
    const atMs = Math.max(before, this.#scene.trueMs + this.lateMs);
    this.#toProxy.push({ atMs, bytes: bytes.slice() });
    return bytes.length;
  }
  close(): void {
    this.#events = null;
    this.#handler?.closed();
    this.#handler = null;
    this.#toProxy = [];
    this.#toDevice = [];
  }
  /** The device hears of it. */
  cut(isUp: boolean): void {
    this.isUp = isUp;
    const events = this.#events;
    if (this.#handler === null) return;
    this.close();
    events?.down();
  }
  step(): void {
    if (!this.isUp) return;
    if (this.#events !== null && this.#handler === null) {
      const channel: Channel = {
        ...{ name: 'way', kind: 'connection', auth: 'none' },
        send: (bytes) => void this.#toDevice.push(bytes.slice()),
        close: () => this.cut(true),
      };
      this.#handler = this.#scene.proxy.sessions.accept(channel);
      this.#events.up();
    }
    while (this.#toProxy[0] !== undefined && this.#toProxy[0].atMs <= this.#scene.trueMs) {
      this.#handler?.received(this.#toProxy.shift()!.bytes);
    }
    for (const bytes of this.#toDevice.splice(0)) this.#events?.data(bytes);
  }
}

export interface Device {
  sdk: Sdk;
  engine: VirtualEngine;
  way: Way;
  /** How far its clock is off, in parts of a million. */
  ppm: number;
  /** In deep sleep: its uptime stops, and nothing runs. */
  isStopped: boolean;
  /** What its store was given: size, seq, count, block. */
  entries: Uint8Array[];
  sample(): void;
}

export interface Seen {
  phase: string;
  boot: number;
  quality: string;
  /** What its record says, less when it happened. */
  errorMs: number;
  timeMs: number;
}

export class Scene {
  trueMs = start;
  /** What events are called that happen now. */
  phase = 'all';
  readonly proxies: TestProxy[];
  /** The one that devices reach now. */
  proxy: TestProxy;
  readonly #devices: Device[] = [];
  readonly #happened: { phase: string; trueMs: number }[] = [];

  constructor(aheadMs: number[] = [0]) {
    this.proxies = aheadMs.map((ms) => new TestProxy(ms));
    this.proxy = this.proxies[0]!;
  }

  device(uptime = 1_000, options: Partial<ProducerOptions> = {}, isAnchored = false): Device {
    const engine = virtualEngine(uptime);
    const sdk = instantiate(engine);
    const way = new Way(this);
    const entries: Uint8Array[] = [];
    const ram = sdk.ram(2 ** 20);
    const append = (entry: Uint8Array, events: number) => {
      entries.push(entry.slice());
      return ram.append(entry, events);
    };
    if (isAnchored) sdk.anchors();
    sdk.producer({ device, link: way, store: { ...ram, append }, lingerMs: 100, ...options });
    const sample = () => void sdk.sendUndeclared('n', this.#happen());
    const made = { sdk, engine, way, ppm: 0, isStopped: false, entries, sample };
    this.#devices.push(made);
    return made;
  }

  advance(ms: number, stepMs = 10): void {
    for (let left = ms; left > 0; left -= stepMs) {
      const step = Math.min(left, stepMs);
      this.trueMs += step;
      for (const { clock } of this.proxies) clock.advance(step);
      for (const one of this.#devices) {
        if (one.isStopped) continue;
        one.engine.advance(step * (1 + one.ppm / 1e6));
        one.way.step();
      }
      for (const { journal } of this.proxies) journal.sync();
    }
  }

  /** An event of each device every `everyMs`. */
  samples(count: number, everyMs = 5_000, stepMs = 10): void {
    for (let left = count; left > 0; left--) {
      for (const one of this.#devices) if (!one.isStopped) one.sample();
      this.advance(everyMs, stepMs);
    }
  }

  /** Power off. */
  end(one: Device): void {
    one.way.cut(false);
    this.#devices.splice(this.#devices.indexOf(one), 1);
  }

  /** What a store keeps: the device stands still, and `script` says it. */
  script(): Peer {
    return new Peer(this.proxy.sessions);
  }
  hello(peer: Peer, boots: { boot: number; next?: number }[], uptime: number): void {
    peer.hello(boots, { device, tables: [emptyTableId], uptime });
  }
  /** All blocks of a boot; `uptime`: of the device as it sends, which is in another boot. */
  deliver(peer: Peer, boot: number, entries: readonly Uint8Array[], uptime: number): void {
    for (const entry of entries) {
      const view = Buffer.from(entry);
      const block = entry.subarray(8);
      peer.data(boot, view.readUInt32BE(2), block, view.readUInt16BE(6), uptime);
    }
    this.proxy.journal.sync();
  }
  /** A block by hand, of undeclared events at these uptimes. */
  write(uptimes: readonly number[], head: readonly number[] = []): Uint8Array {
    const block = [...head, ...cbor(uptimes[0]!)];
    let [time, interval] = [uptimes[0]!, 0];
    for (const uptime of uptimes) {
      const change = uptime - time - interval;
      interval += change;
      time = uptime;
      block.push(0x61, 0x6e, ...cbor(change), ...cbor(this.#happen()));
    }
    return Uint8Array.from(block);
  }

  /** The events as Kafka gets them, by way of the journal's bytes. */
  seen(): Seen[] {
    return this.proxies.flatMap(({ journal }) => {
      const maker = createRecordMaker({
        ...{ topics: { prefix: '', routes: {}, loss: 'lost' }, value: 'json' },
        tables: journal.tables(),
      });
      return journal.records.flatMap((record) =>
        maker
          .toRecords({
            ...{ record: again(record), lane: 0, generation: 1, offset: 0, end: 8, check: 0 },
          })
          .filter(({ topic }) => topic === 'n')
          .map(({ value, headers, timestampMs }) => {
            const { phase, trueMs } = this.#happened[Number(Buffer.from(value).toString())]!;
            const quality = String(headers['hw-time']).replace(/;.*/, '');
            const boot = Number(String(headers['hw-id']).split('/')[0]);
            return { phase, boot, quality, errorMs: timestampMs - trueMs, timeMs: timestampMs };
          }),
      );
    });
  }

  #happen(): number {
    return this.#happened.push({ phase: this.phase, trueMs: this.trueMs }) - 1;
  }
}

function again(record: JournalRecord): JournalRecord {
  if (record.kind === 'confirm' || record.kind === 'forget') return record;
  return decodePayload(recordType[record.kind], encodePayload(record), '') as JournalRecord;
}

export function cbor(value: number): number[] {
  const major = value < 0 ? 0x20 : 0;
  const bytes = Buffer.alloc(9);
  bytes[0] = major + 27;
  bytes.writeBigUInt64BE(BigInt(value < 0 ? -1 - value : value), 1);
  const number = bytes.readBigUInt64BE(1);
  if (number < 24n) return [major + Number(number)];
  const size = number < 256n ? 1 : number < 65_536n ? 2 : number < 2n ** 32n ? 4 : 8;
  return [major + 24 + Math.log2(size), ...bytes.subarray(9 - size)];
}

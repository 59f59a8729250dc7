import { type Acknowledged, byJournal } from '../../proxy/acknowledged.js';
import { type DeviceKeys, noKeys } from '../../proxy/auth/auth.js';
import { createBooks } from '../../proxy/books.js';
import { CborReader, writeItem } from '../../proxy/cbor.js';
import type { Clock } from '../../proxy/clock.js';
import { crc32 } from '../../proxy/crc32.js';
import { checkFrame, encodeFrame, FrameReader } from '../../proxy/frame.js';
import type { Site, SiteLimits } from '../../proxy/intake.js';
import type { Allow } from '../../proxy/limits/allow.js';
import type { Channel, ChannelHandler } from '../../proxy/listeners/channel.js';
import type { Hello, HelloBoot } from '../../proxy/message.js';
import { createOutcomes } from '../../proxy/outcomes.js';
import type { Session } from '../../proxy/session.js';
import { Sessions } from '../../proxy/sessions.js';
import { MemoryJournal } from './memory-journal.js';
import { fromHex, toHex, vectors } from './vectors.js';

// A site around a session: a clock that a test moves, a journal that syncs when it is told, and a
// device's end of the channel that speaks bytes.

export class TestClock implements Clock {
  wallMs = 1_763_956_800_000;
  monoMs = 5_000;
  #timers: { atMs: number; task: () => void }[] = [];

  nowMs(): number {
    return this.wallMs;
  }
  monotonicMs(): number {
    return this.monoMs;
  }
  after(delayMs: number, task: () => void): () => void {
    const timer = { atMs: this.monoMs + delayMs, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  random(byteCount: number): Uint8Array {
    return new Uint8Array(byteCount).fill(7);
  }
  advance(ms: number): void {
    this.wallMs += ms;
    this.monoMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.monoMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.monoMs);
    for (const { task } of due) task();
  }
}

/** What the configuration says where it says nothing. */
export const siteLimits: SiteLimits = {
  ...{ helloTimeoutMs: 10_000, windowEvents: 256, windowBytes: 65_536, burstSeconds: 10 },
  ...{ tablesPerDeviceMax: 256, bootsPerDeviceMax: 256, bootsMax: 200_000 },
};

export function site(
  limits: Partial<Site['limits']> = {},
  journal = new MemoryJournal(),
  ack: (journal: MemoryJournal, clock: TestClock) => Acknowledged = byJournal,
  keys: DeviceKeys = noKeys,
  allow: Allow | null = null,
) {
  const clock = new TestClock();
  const acknowledged = ack(journal, clock);
  const books = createBooks();
  const outcomes = createOutcomes(clock, () => {});
  const whole: Site = {
    ...{ clock, journal, acknowledged, books, outcomes },
    keys,
    limits: { ...siteLimits, ...limits },
    allow,
  };
  const sessions = new Sessions(whole);
  const count = (kind: string) => outcomes.counts().get(kind) ?? 0;
  return { clock, journal, books, outcomes, sessions, count, whole };
}

export type Answer =
  | {
      type: 'welcome';
      nonce: number;
      wallMs: number;
      lacking: number[];
      boots: { boot: number; next: number; limit: number }[];
    }
  | { type: 'ack'; boot: number; next: number; limit: number; gap: number }
  | { type: 'reset'; reason: number; retryMs: number };

/** A device's end of a channel. HELLO has the fingerprints of what it said as data, unless told. */
export class Peer {
  readonly answers: Answer[] = [];
  readonly #fingerprints = new Map<number, number>();
  readonly handler: ChannelHandler;
  closed = false;
  bytes: number[] = [];
  readonly #frames = new FrameReader({
    frame: (frame) => {
      const body = checkFrame(frame);
      if (typeof body === 'string') throw new Error(`the proxy sent a broken frame: ${body}`);
      this.answers.push(decodeAnswer(body));
    },
    broken: (why) => {
      throw new Error(`the proxy sent a broken frame: ${why}`);
    },
  });

  constructor(sessions: Sessions, kind: Channel['kind'] = 'connection') {
    this.handler = sessions.accept({
      name: 'test',
      kind,
      auth: 'none',
      send: (bytes) => {
        this.bytes.push(...bytes);
        this.#frames.push(bytes);
      },
      close: () => {
        this.closed = true;
        this.handler.closed();
      },
    });
  }

  get session(): Session {
    return this.handler as Session;
  }

  /** What came since it was asked last. */
  heard(): Answer[] {
    return this.answers.splice(0);
  }

  say(body: Uint8Array): Answer[] {
    this.handler.received(encodeFrame(body));
    return this.heard();
  }

  hello(boots: Partial<HelloBoot>[], more: Partial<Hello> = {}): Answer[] {
    const known = boots.map((one) => ({
      fingerprint: this.#fingerprints.get(one.boot ?? 0) ?? null,
      ...one,
    }));
    return this.say(helloBody(known, more));
  }

  /** A table of one stream. */
  table(index = 0, bytes = motesBytes, stream = 0): Answer[] {
    return this.say(Uint8Array.from([...items(3, index, stream), ...bytes]));
  }

  /** For a device that goes on before it reads what it was answered. */
  frame(boot: number, first: number, block: Uint8Array, count: number): Uint8Array {
    return encodeFrame(dataBody(boot, first, block, count));
  }

  data(boot: number, first: number, block: Uint8Array, count = 1, uptime = 60_000): Answer[] {
    // [W-4] A range of lost events is no block.
    const isFirst = first === 0 && block[0] !== 0x81 && !this.#fingerprints.has(boot);
    if (isFirst) this.#fingerprints.set(boot, crc32(block));
    return this.say(dataBody(boot, first, block, count, uptime));
  }
}

const tables = vectors<{ cases: { bytes: string; id: string }[] }>('tables').cases;
export const motesBytes = fromHex(tables[0]!.bytes);
export const motesId = tables[0]!.id;

/** A block of the table `motes`, one event a millisecond from `uptime` on. */
export function block(uptime: number, count = 1): Uint8Array {
  const out = items(uptime, 0, 2150, 4025);
  if (count > 1) out.push(...items(1, 0, 0));
  for (let more = 2; more < count; more++) out.push(...items(0, 0, 0));
  return Uint8Array.from(out);
}

export function helloBody(boots: Partial<HelloBoot>[], more: Partial<Hello> = {}): Uint8Array {
  const device = Buffer.from(more.device ?? 'mote-1');
  const out = items(1, more.version ?? 1);
  out.push(...head(3, device.length), ...device);
  out.push(...items(more.flags ?? 0, more.frameBytesMax ?? 512, more.nonce ?? 1));
  out.push(...items(more.uptime ?? 1_000));
  const ids = more.tables ?? [motesId];
  out.push(...head(4, ids.length));
  for (const id of ids) {
    const text = Buffer.from(Buffer.from(id, 'hex').toString('base64url'));
    out.push(...head(3, text.length), ...text);
  }
  writeItem(
    out,
    boots.map(({ boot, lowest = 0, next = lowest, fingerprint }) => [
      ...[boot ?? 0, lowest, next, fingerprint ?? 0],
    ]),
  );
  return Uint8Array.from(out);
}

export function dataBody(
  boot: number,
  first: number,
  block: Uint8Array,
  count = 1,
  uptime = 60_000,
): Uint8Array {
  return Uint8Array.from([...items(4, boot, uptime, 0, first, count), ...block]);
}

export function items(...numbers: number[]): number[] {
  const out: number[] = [];
  for (const number of numbers) writeItem(out, number);
  return out;
}

function head(major: number, length: number): number[] {
  const out = items(length);
  out[0]! |= major << 5;
  return out;
}

export function decodeAnswer(body: Uint8Array): Answer {
  const reader = new CborReader(body);
  const item = () => reader.value(3, 'answer');
  const type = item();
  const rest: ReturnType<typeof item>[] = [];
  while (!reader.done) rest.push(item());
  if (reader.broken !== null) throw new Error(`${toHex(body)}: ${reader.broken}`);
  const numbers = rest.map((one) => (typeof one === 'number' ? one : Number.NaN));
  const [a = 0, b = 0, c = 0, d = 0, boot = 0, , wallMs = 0] = numbers;
  if (type === 5) return { type: 'ack', boot: a, next: b, limit: c, gap: d };
  if (type === 6) return { type: 'reset', reason: a, retryMs: b };
  const list = (value: unknown) => (Array.isArray(value) ? value : []);
  return {
    ...{ type: 'welcome', nonce: a, wallMs },
    lacking: [0, 1, 2, 3].filter((index) => (d & (1 << index)) > 0),
    boots: [
      { boot, next: b, limit: c },
      ...list(rest[9]).map(([boot, next, limit]) => ({ boot, next, limit })),
    ],
  };
}

// An attacker's own tongue, written from sdk/PROTOCOL.md alone: it shares no code with either end, so that a mistake of theirs is not its
// own. COBS [W-7], the check of §2, the messages of §3, the MACs of §9, envelopes of §10.

import { createHash, createHmac } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { crc32 } from 'node:zlib';

export const HELLO = 1;
export const WELCOME = 2;
export const TABLE = 3;
export const DATA = 4;
export const ACK = 5;
export const RESET = 6;
export const CHALLENGE = 7;
export const PROOF = 8;
export const FRAGMENT = 13;
export const CHANNEL = 14;

export type Item = number | string | boolean | null | Uint8Array | Item[] | Map<string, Item>;

// ---- CBOR, preferred encoding

export function items(...all: Item[]): Buffer {
  return Buffer.concat(all.map(item));
}

export function head(major: number, argument: number): Buffer {
  const first = major << 5;
  if (argument < 24) return Buffer.of(first + argument);
  if (argument < 2 ** 8) return Buffer.of(first + 24, argument);
  const wide = argument < 2 ** 16 ? 2 : argument < 2 ** 32 ? 4 : 8;
  const bytes = Buffer.alloc(1 + wide);
  bytes[0] = first + { 2: 25, 4: 26, 8: 27 }[wide]!;
  if (wide === 8) bytes.writeBigUInt64BE(BigInt(argument), 1);
  else bytes.writeUIntBE(argument, 1, wide);
  return bytes;
}

function item(value: Item): Buffer {
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([head(3, text.length), text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), items(...value)]);
  return Buffer.concat([head(5, value.size), ...[...value].map(([key, one]) => items(key, one))]);
}

/** The items of a message of the proxy's: uints, null, bytes, arrays; a message of these is never broken. */
export function itemsOf(body: Uint8Array, most = Number.POSITIVE_INFINITY): Item[] {
  const bytes = Buffer.from(body);
  let at = 0;
  const one = (): Item => {
    const first = bytes[at++]!;
    const [major, info] = [first >> 5, first & 31];
    if (major === 7) return info === 22 ? null : info === 21;
    const wide = info < 24 ? 0 : 2 ** (info - 24);
    let argument = info;
    if (wide === 8) argument = Number(bytes.readBigUInt64BE(at));
    else if (wide > 0) argument = bytes.readUIntBE(at, wide);
    at += wide;
    if (major === 0) return argument;
    if (major === 4) return Array.from({ length: argument }, one);
    const part = bytes.subarray(at, at + argument);
    at += argument;
    return major === 3 ? part.toString() : part;
  };
  const all: Item[] = [];
  while (at < bytes.length && all.length < most) all.push(one());
  return all;
}

// ---- frames

export function cobs(frame: Uint8Array): Buffer {
  const out: number[] = [];
  let group: number[] = [];
  const end = () => {
    out.push(group.length + 1, ...group);
    group = [];
  };
  for (let at = 0; at < frame.length; at++) {
    if (frame[at] === 0) end();
    else if (group.push(frame[at]!) === 254) {
      end();
      if (at === frame.length - 1) return Buffer.from([0, ...out, 0]);
    }
  }
  end();
  return Buffer.from([0, ...out, 0]);
}

export function uncobs(encoded: Uint8Array): Buffer {
  const out: number[] = [];
  for (let at = 0; at < encoded.length; ) {
    const code = encoded[at]!;
    for (let next = at + 1; next < at + code && next < encoded.length; next++) {
      out.push(encoded[next]!);
    }
    at += code;
    if (code < 255 && at < encoded.length) out.push(0);
  }
  return Buffer.from(out);
}

/** Cuts a stream into frames. */
export function frameCutter(onFrame: (frame: Buffer) => void): (bytes: Uint8Array) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      if (end > 0) onFrame(uncobs(rest.subarray(0, end)));
      rest = rest.subarray(end + 1);
    }
  };
}

export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A body and its CRC-32. */
export const withCrc = (body: Uint8Array) => Buffer.concat([body, u32(crc32(body))]);

export const envelope = (channel: number, frame: Uint8Array) => {
  const front = items(CHANNEL, channel);
  return Buffer.concat([front, u32(crc32(front)).subarray(2), frame]);
};

// ---- §9

export function sessionKeyOf(key: string | Uint8Array, hello: Uint8Array, challenge: Uint8Array) {
  return createHmac('sha256', key).update(Buffer.of(0)).update(hello).update(challenge).digest();
}

/** `hello`: of a PROOF, the HELLO's body. */
export function withMac(
  sessionKey: Uint8Array,
  counter: number,
  body: Uint8Array,
  { hello = null as Uint8Array | null, direction = 0x44 } = {},
): Buffer {
  const front = hello === null ? Buffer.of(direction) : Buffer.concat([Buffer.of(0), hello]);
  const covered = Buffer.concat([body, u32(counter)]);
  const mac = createHmac('sha256', sessionKey).update(front).update(covered).digest();
  return Buffer.concat([covered, mac.subarray(0, 8)]);
}

// ---- messages

export interface HelloItems {
  device: string;
  flags?: number;
  nonce?: number;
  uptime?: number;
  tables?: string[];
  /** [boot, lowest, next, fingerprint] */
  boots?: [number, number, number, number][];
}

export function hello(of: HelloItems): Buffer {
  const { device, flags = 0, nonce = 7, uptime = 1_000, tables = [], boots = [[0, 0, 0, 0]] } = of;
  return items(HELLO, 1, device, flags, 2_304, nonce, uptime, tables, boots);
}

/** Table without streams: undeclared events need no other. */
export const emptyTable = tableIdOf(Buffer.alloc(0));

export function tableIdOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest().subarray(0, 8).toString('base64url');
}

/** Undeclared events, each of its name and the bytes of its value. */
export function blockOf(events: [name: string, value: Uint8Array][]): Buffer {
  const parts = events.map(([name, value]) => Buffer.concat([items(name, 0), value]));
  return Buffer.concat([items(1_000), ...parts]);
}

export function data(
  boot: number,
  first: number,
  events: [name: string, value: Uint8Array][],
  { uptime = 2_000, table = 0 } = {},
): Buffer {
  return Buffer.concat([items(DATA, boot, uptime, table, first, events.length), blockOf(events)]);
}

export const forged = (boot: number, first = 0, name = 'forged') =>
  data(boot, first, [[name, items('forged')]]);

// ---- a connection

export class Attacker {
  /** Frames that the proxy sent, oldest first. */
  readonly heard: Buffer[] = [];
  closed = false;
  readonly stream: Duplex;
  #looked = 0;
  #wakes: (() => void)[] = [];

  constructor(stream: Duplex) {
    this.stream = stream;
    const cut = frameCutter((frame) => {
      this.heard.push(frame);
      this.#wake();
    });
    stream.on('data', cut);
    stream.on('error', () => {});
    stream.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** A body with its CRC. */
  say(body: Uint8Array): void {
    this.sayFrame(withCrc(body));
  }

  sayFrame(frame: Uint8Array): void {
    if (!this.closed) this.stream.write(cobs(frame));
  }

  /** The next frame of one of these types, what comes before it left out; null: the connection closed. */
  async next(...types: number[]): Promise<Buffer | null> {
    const end = performance.now() + 30_000;
    for (;;) {
      const frame = this.heard[this.#looked];
      if (frame !== undefined) {
        this.#looked += 1;
        if (types.length === 0 || types.includes(frame[0]!)) return frame;
      } else if (this.closed) return null;
      else {
        if (performance.now() > end) throw new Error(`nothing of type ${types} came`);
        await new Promise<void>((wake) => {
          const timer = setTimeout(wake, 200);
          this.#wakes.push(() => {
            clearTimeout(timer);
            wake();
          });
        });
      }
    }
  }

  types(): number[] {
    return this.heard.map((frame) => frame[0]!);
  }

  end(): void {
    this.stream.destroy();
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake();
  }
}

/** A session under a key, whoever has it. */
export interface Writer {
  attacker: Attacker;
  helloBody: Buffer;
  challenge: Buffer;
  sessionKey: Buffer;
  boot: number;
  welcome: Item[];
  /** With the next counter, or the one given; what was sent. */
  write(body: Uint8Array, counter?: number): Buffer;
}

export async function greet(
  attacker: Attacker,
  key: string | Uint8Array,
  of: HelloItems,
): Promise<Writer | null> {
  const helloBody = hello(of);
  attacker.say(helloBody);
  const asked = await attacker.next(CHALLENGE);
  if (asked === null) return null;
  const challenge = asked.subarray(0, -4);
  const sessionKey = sessionKeyOf(key, helloBody, challenge);
  attacker.sayFrame(withMac(sessionKey, 1, items(PROOF), { hello: helloBody }));
  const answer = await attacker.next(WELCOME, RESET);
  if (answer === null || answer[0] !== WELCOME) return null;
  const welcome = itemsOf(answer.subarray(0, -12));
  let said = 1;
  return {
    ...{ attacker, helloBody, challenge, sessionKey, boot: Number(welcome[5]), welcome },
    write(body, counter = ++said) {
      said = Math.max(said, counter);
      const frame = withMac(sessionKey, counter, body);
      attacker.sayFrame(frame);
      return frame;
    },
  };
}

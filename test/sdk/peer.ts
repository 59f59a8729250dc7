import { crc32 } from 'node:zlib';
import { Decoder } from 'cbor-x';
import type { Link, LinkEvents } from '../../sdk/links/link.js';

// The other end of a link for tests: reads what a device says with a decoder that shares nothing with the SDK
// (cbor-x, zlib), and says what the test tells it.

const decoder = new Decoder({ mapsAsObjects: true, useRecords: false });

export interface Boot {
  boot: number | null;
  lowest: number;
  next: number;
  fingerprint: number | null;
}

export type Message =
  | {
      type: 'hello';
      version: number;
      device: string;
      flags: number;
      frameBytesMax: number;
      nonce: number;
      uptime: number;
      tables: string[];
      boots: Boot[];
    }
  | { type: 'table'; index: number; stream: number; description: string }
  | {
      type: 'data';
      boot: number;
      first: number;
      count: number;
      table: number;
      uptime: number;
      block: string;
    };

export type Hello = Extract<Message, { type: 'hello' }>;
export type Data = Extract<Message, { type: 'data' }>;

/** Items of a CBOR sequence. */
export const sequence = (bytes: Uint8Array): unknown[] =>
  (decoder.decodeMultiple(bytes) as unknown[] | undefined) ?? [];

/** The bodies of the frames in a stream; throws where a frame is broken. */
export function bodies(stream: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let start = 0;
  for (let end = 0; end < stream.length; end++) {
    if (stream[end]) continue;
    if (end > start) found.push(body(stream.subarray(start, end)));
    start = end + 1;
  }
  if (start < stream.length) throw new Error('a frame without its end');
  return found;
}

export function body(encoded: Uint8Array): Uint8Array {
  const plain = uncobs(encoded);
  const end = plain.length - 4;
  if (end < 1) throw new Error('a frame shorter than its check');
  if (crc32(plain.subarray(0, end)) !== Buffer.from(plain).readUInt32BE(end)) {
    throw new Error('a wrong check');
  }
  return plain.subarray(0, end);
}

export function uncobs(encoded: Uint8Array): Uint8Array {
  const plain: number[] = [];
  for (let index = 0; index < encoded.length; ) {
    const code = encoded[index]!;
    if (!code || index + code > encoded.length) throw new Error('not COBS');
    plain.push(...encoded.subarray(index + 1, index + code));
    index += code;
    if (code < 255 && index < encoded.length) plain.push(0);
  }
  return Uint8Array.from(plain);
}

export function cobs(plain: Uint8Array): Uint8Array {
  const encoded: number[] = [];
  let run: number[] = [];
  // After 254 bytes without a zero nothing is due, unless more follows.
  let due = true;
  for (const byte of plain) {
    due = true;
    if (byte) run.push(byte);
    if (!byte || run.length === 254) {
      encoded.push(run.length + 1, ...run);
      run = [];
      due = !byte;
    }
  }
  if (due) encoded.push(run.length + 1, ...run);
  return Uint8Array.from(encoded);
}

export function frame(body: Uint8Array): Uint8Array {
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([cobs(Buffer.concat([body, check])), Uint8Array.of(0)]);
}

const hex = (value: unknown) => Buffer.from(value as Uint8Array).toString('hex');

/** A uint or null at the front of a body, and what follows. */
function first(bytes: Uint8Array): [number, Uint8Array] {
  const low = bytes[0]! & 31;
  const end = low < 24 ? 1 : 1 + 2 ** (low - 24);
  return [Number(decoder.decode(bytes.subarray(0, end))), bytes.subarray(end)];
}

export function parse(body: Uint8Array): Message {
  const type = body[0];
  if (type === 4) {
    const header: number[] = [];
    let rest = body;
    while (header.length < 6) {
      const [value, behind] = first(rest);
      header.push(value);
      rest = behind;
    }
    const [, boot, uptime, table, from, count] = header;
    return {
      type: 'data',
      boot: boot!,
      first: from!,
      count: count!,
      table: table!,
      uptime: uptime!,
      block: hex(rest),
    };
  }
  if (type === 1) {
    const all = sequence(body);
    const [, version, device, flags, frameBytesMax, nonce, uptime, tables, boots] = all as [
      number,
      number,
      string,
      number,
      number,
      number,
      number,
      string[],
      [number, number, number, number][],
    ];
    return {
      type: 'hello',
      version,
      device,
      flags,
      frameBytesMax,
      nonce,
      uptime: Number(uptime),
      tables: tables.map((id) => hex(Buffer.from(id, 'base64url'))),
      boots: boots.map(([boot, lowest, next, fingerprint]) => ({
        boot: boot || null,
        lowest,
        next,
        fingerprint: fingerprint || null,
      })),
    };
  }
  if (type === 3) {
    const [index, behind] = first(body.subarray(1));
    const [stream, description] = first(behind);
    return { type: 'table', index, stream, description: hex(description) };
  }
  throw new Error(`a device does not send a message of type ${type}`);
}

/** CBOR of a number, null, or an array of them. */
export function cbor(value: number | null | readonly unknown[]): Buffer {
  if (value === null) return Buffer.of(0xf6);
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.of(0x80 + value.length), ...value.map((part) => cbor(part))]);
  }
  const number = value as number;
  if (number < 24) return Buffer.of(number);
  const size = number < 256 ? 1 : number < 65536 ? 2 : number < 2 ** 32 ? 4 : 8;
  const bytes = Buffer.alloc(9);
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return Buffer.concat([Buffer.of(24 + Math.log2(size)), bytes.subarray(9 - size)]);
}

const message = (...items: (number | null | readonly unknown[])[]) =>
  frame(Buffer.concat(items.map((value) => cbor(value))));

type Placed = readonly [boot: number, next: number, limit: number];

export const welcome = (nonce: number, boots: readonly [Placed, ...Placed[]], lacking = 0) => {
  const [[boot, next, limit], ...others] = boots;
  return message(2, nonce, next, limit, lacking, boot, 1, 1763956800123, 2304, null, others);
};
export const ack = (boot: number, next: number, limit: number, gap = 0) =>
  message(5, boot, next, limit, gap);
export const reset = (reason: number, retryMs: number) => message(6, reason, retryMs);

/** A link in the test's hands. */
export interface Wire extends Link {
  events: LinkEvents | undefined;
  /** How often the device opened and closed it. */
  opened: number;
  closed: number;
  /** Everything written since the last `take`. */
  written: Uint8Array;
  /** How many bytes the link takes until `room` is set again. */
  room: number;
  /** Whether `open` calls `up` at once. */
  connects: boolean;
  /** The messages written since the last call. */
  take(): Message[];
  say(bytes: Uint8Array): void;
}

export function wire(): Wire {
  const link: Wire = {
    events: undefined,
    opened: 0,
    closed: 0,
    written: new Uint8Array(0),
    room: Infinity,
    connects: true,
    open(events) {
      link.opened++;
      link.events = events;
      if (link.connects) events.up();
    },
    write(bytes) {
      const taken = Math.min(link.room, bytes.length);
      link.room -= taken;
      link.written = Buffer.concat([link.written, bytes.subarray(0, taken)]);
      return taken;
    },
    close() {
      link.closed++;
    },
    take() {
      const messages = bodies(link.written).map(parse);
      link.written = new Uint8Array(0);
      return messages;
    },
    say: (bytes) => link.events!.data(Uint8Array.from(bytes)),
  };
  return link;
}

import {
  ACK,
  BOOTS_MAX,
  DATA,
  DEVICE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HELLO,
  NAME,
  RESET,
  SEQ_MAX,
  STREAMS_MAX,
  TABLE,
  TABLE_ID_BYTES,
  TABLES_MAX,
  UPTIME_MAX,
  WELCOME,
} from '../sdk/wire.js';
import { CborReader, writeItem } from './cbor.js';

// frame → message → session: the messages of PROTOCOL.md §3. Whatever bytes come in, the answer is a
// message that keeps every range of its table, or `malformed` with the reason.

export interface HelloBoot {
  boot: number | null;
  lowest: number;
  next: number;
  fingerprint: number | null;
}

export interface Hello {
  type: 'hello';
  version: number;
  device: string;
  flags: number;
  frameBytesMax: number;
  nonce: number;
  uptime: number;
  tables: string[];
  boots: HelloBoot[];
}

/** One stream's part of a table. */
export interface TablePart {
  type: 'table';
  index: number;
  stream: number;
  description: Uint8Array;
}

export interface Data {
  type: 'data';
  boot: number;
  first: number;
  count: number;
  table: number;
  uptime: number;
  block: Uint8Array;
}

export type Message =
  | Hello
  | TablePart
  | Data
  /** A HELLO of a version that this proxy does not speak [W-34]. */
  | { type: 'version'; version: number }
  /** A type that is unknown, or not for a proxy [W-11]. */
  | { type: 'other'; number: number }
  | { type: 'malformed'; what: 'hello' | 'table' | 'data' | 'type'; why: string };

const UINT32_MAX = 0xffffffff;
const FRAME_BYTES_LEAST = 64;
const TABLE_ID_CHARACTERS = 11;

export function decodeMessage(body: Uint8Array): Message {
  const reader = new CborReader(body);
  const type = reader.uint(UINT32_MAX, 'type');
  if (reader.broken !== null) return { type: 'malformed', what: 'type', why: reader.broken };
  switch (type) {
    case HELLO:
      return finish(reader, 'hello', decodeHello(reader));
    case TABLE:
      return finish(reader, 'table', decodeTablePart(reader, body));
    case DATA:
      return finish(reader, 'data', decodeData(reader, body));
    default:
      return { type: 'other', number: type };
  }
}

function finish(reader: CborReader, what: 'hello' | 'table' | 'data', message: Message): Message {
  return reader.broken === null ? message : { type: 'malformed', what, why: reader.broken };
}

function decodeHello(reader: CborReader): Message {
  const version = reader.uint(UINT32_MAX, 'version');
  if (version === 0 && reader.broken === null) return { type: 'version', version };
  const device = reader.text(DEVICE_BYTES_MAX, 'device');
  if (!NAME.test(device)) reader.fail('device: not 1 to 64 characters of ASCII');
  const flags = reader.uint(UINT32_MAX, 'flags');
  const frameBytesMax = reader.uint(FRAME_BYTES_MAX, 'frameBytesMax');
  if (frameBytesMax < FRAME_BYTES_LEAST) reader.fail(`frameBytesMax: below ${FRAME_BYTES_LEAST}`);
  const nonce = reader.uint(UINT32_MAX, 'nonce');
  const uptime = reader.uint(UPTIME_MAX - 1, 'uptime');
  const tables = decodeTableIds(reader);
  const boots = decodeBoots(reader);
  return { type: 'hello', version, device, flags, frameBytesMax, nonce, uptime, tables, boots };
}

function decodeTableIds(reader: CborReader): string[] {
  const ids: string[] = [];
  for (let left = reader.array(TABLES_MAX, 'tables'); left > 0 && !reader.broken; left--) {
    const id = reader.text(TABLE_ID_CHARACTERS, 'table id');
    const bytes = Buffer.from(id, 'base64url');
    if (bytes.toString('base64url') !== id || bytes.length !== TABLE_ID_BYTES) {
      reader.fail(`table id: not ${TABLE_ID_BYTES} bytes in base64url`);
    }
    ids.push(bytes.toString('hex'));
  }
  return ids;
}

function decodeBoots(reader: CborReader): HelloBoot[] {
  const boots: HelloBoot[] = [];
  const count = reader.array(BOOTS_MAX, 'boots');
  if (count === 0) reader.fail('boots: none');
  for (let left = count; left > 0 && !reader.broken; left--) {
    if (reader.array(UINT32_MAX, 'boot') !== 4) reader.fail('boot: not four items');
    const boot = reader.uint(UINT32_MAX, 'boot') || null;
    const lowest = reader.uint(SEQ_MAX + 1, 'lowest');
    const next = reader.uint(SEQ_MAX + 1, 'next');
    const fingerprint = reader.uint(UINT32_MAX, 'fingerprint') || null;
    if (boot === null && left > 1) reader.fail('boot: 0, and not the running one');
    if (boots.some((other) => other.boot === boot)) reader.fail('boot: listed twice');
    if (lowest > next) reader.fail('lowest: above next');
    boots.push({ boot, lowest, next, fingerprint });
  }
  return boots;
}

function decodeTablePart(reader: CborReader, body: Uint8Array): Message {
  const index = reader.uint(TABLES_MAX - 1, 'index');
  const stream = reader.uint(STREAMS_MAX - 1, 'stream');
  if (reader.done) reader.fail('description: missing');
  return { type: 'table', index, stream, description: body.subarray(reader.at) };
}

function decodeData(reader: CborReader, body: Uint8Array): Message {
  const boot = reader.uint(UINT32_MAX, 'boot');
  const uptime = reader.uint(UPTIME_MAX - 1, 'uptime');
  const table = reader.uint(TABLES_MAX - 1, 'table');
  const first = reader.uint(SEQ_MAX, 'first');
  const count = reader.uint(SEQ_MAX, 'count');
  if (boot === 0) reader.fail('boot: 0');
  if (count === 0) reader.fail('count: 0');
  if (first + count > SEQ_MAX + 1) reader.fail('count: beyond the last seq');
  if (reader.done) reader.fail('block: missing');
  return { type: 'data', boot, first, count, table, uptime, block: body.subarray(reader.at) };
}

export interface Welcome {
  version: number;
  nonce: number;
  wallMs: number;
  /** Indexes of HELLO's tables. */
  lacking: number[];
  /** For each of HELLO's boots, in its order. */
  boots: { boot: number; next: number; limit: number }[];
}

/** The body of a message to a device. */
export function encodeWelcome(welcome: Welcome): Uint8Array {
  const { version, nonce, wallMs } = welcome;
  const [oldest, ...others] = welcome.boots.map(({ boot, next, limit }) => [boot, next, limit]);
  const [boot = 0, next = 0, limit = 0] = oldest ?? [];
  const lacking = welcome.lacking.reduce((bits, index) => bits + 2 ** index, 0);
  const head = [nonce, next, limit, lacking, boot, version, wallMs, FRAME_BYTES_MAX];
  return bodyOf(WELCOME, ...head, null, others);
}

export function encodeAck(boot: number, next: number, limit: number, gap: 0 | 1): Uint8Array {
  return bodyOf(ACK, boot, next, limit, gap);
}

export function encodeReset(reason: number, retryMs: number): Uint8Array {
  return bodyOf(RESET, reason, retryMs);
}

function bodyOf(...items: Parameters<typeof writeItem>[1][]): Uint8Array {
  const out: number[] = [];
  for (const item of items) writeItem(out, item);
  return Uint8Array.from(out);
}

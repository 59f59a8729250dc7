import {
  ACK,
  BOOTS_MAX,
  DATA,
  DEVICE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HELLO,
  RESET,
  SEQ_MAX,
  TABLE,
  TABLE_BYTES_MAX,
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

export interface Table {
  type: 'table';
  index: number;
  bytes: Uint8Array;
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
  | Table
  | Data
  /** A HELLO of a version that this proxy does not speak [W-34]. */
  | { type: 'version'; version: number }
  /** A type that is unknown, or not for a proxy [W-11]. */
  | { type: 'other'; number: number }
  | { type: 'malformed'; what: 'hello' | 'table' | 'data' | 'type'; why: string };

const UINT32_MAX = 0xffffffff;
const FRAME_BYTES_LEAST = 64;

export function decodeMessage(body: Uint8Array): Message {
  const reader = new CborReader(body);
  const type = reader.uint(UINT32_MAX, 'type');
  if (reader.broken !== null) return { type: 'malformed', what: 'type', why: reader.broken };
  switch (type) {
    case HELLO:
      return finish(reader, 'hello', decodeHello(reader));
    case TABLE:
      return finish(reader, 'table', decodeTableMessage(reader));
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
  if (device === '') reader.fail('device: empty');
  if (/\p{Cc}/u.test(device)) reader.fail('device: a control character');
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
    const id = reader.byteString(TABLE_ID_BYTES, 'table id');
    if (id.length !== TABLE_ID_BYTES) reader.fail(`table id: not ${TABLE_ID_BYTES} bytes`);
    ids.push(Buffer.from(id).toString('hex'));
  }
  return ids;
}

function decodeBoots(reader: CborReader): HelloBoot[] {
  const boots: HelloBoot[] = [];
  const count = reader.array(BOOTS_MAX, 'boots');
  if (count === 0) reader.fail('boots: none');
  for (let left = count; left > 0 && !reader.broken; left--) {
    if (reader.array(UINT32_MAX, 'boot') !== 4) reader.fail('boot: not four items');
    const boot = reader.absent() ? null : reader.uint(UINT32_MAX, 'boot');
    const lowest = reader.uint(SEQ_MAX + 1, 'lowest');
    const next = reader.uint(SEQ_MAX + 1, 'next');
    const fingerprint = reader.absent() ? null : reader.uint(UINT32_MAX, 'fingerprint');
    if (boot === 0) reader.fail('boot: 0');
    if (boot === null && left > 1) reader.fail('boot: null, and not the running one');
    if (boots.some((other) => other.boot === boot)) reader.fail('boot: listed twice');
    if (lowest > next) reader.fail('lowest: above next');
    boots.push({ boot, lowest, next, fingerprint });
  }
  return boots;
}

function decodeTableMessage(reader: CborReader): Message {
  const index = reader.uint(TABLES_MAX - 1, 'index');
  return { type: 'table', index, bytes: reader.byteString(TABLE_BYTES_MAX, 'bytes') };
}

function decodeData(reader: CborReader, body: Uint8Array): Message {
  const boot = reader.uint(UINT32_MAX, 'boot');
  const first = reader.uint(SEQ_MAX, 'first');
  const count = reader.uint(SEQ_MAX, 'count');
  const table = reader.uint(TABLES_MAX - 1, 'table');
  const uptime = reader.uint(UPTIME_MAX - 1, 'uptime');
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
  lacking: number[];
  boots: { boot: number; next: number; limit: number }[];
}

/** The body of a message to a device. */
export function encodeWelcome(welcome: Welcome): Uint8Array {
  const { version, nonce, wallMs, lacking } = welcome;
  const boots = welcome.boots.map(({ boot, next, limit }) => [boot, next, limit]);
  return bodyOf(WELCOME, version, nonce, wallMs, FRAME_BYTES_MAX, null, lacking, boots);
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

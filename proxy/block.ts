import {
  BLOCK_BYTES_MAX,
  DEPTH_MAX,
  LOST_DAMAGED,
  LOST_OVERFLOW,
  LOST_REFUSED,
  NAME_BYTES_MAX,
  SCALED_MAX,
  SEQ_MAX,
  TYPE_BOOL,
  TYPE_BYTES,
  TYPE_FIXED_MAX,
  TYPE_FLOAT,
  TYPE_TEXT,
  TYPE_UINT,
  UPTIME_MAX,
} from '../sdk/wire.js';
import { CborReader, type Value } from './cbor.js';
import { type Field, isStreamName, type Stream, type StreamTable } from './table.js';

// block: consecutive events of one boot, decodable alone (PROTOCOL.md §5). The session reads every
// block before it is journaled, the lanes read it again when it is published: a block that was
// journaled always decodes.

export interface BlockEvent {
  stream: string;
  /** Null: the event is undeclared, and `values` holds its one value. */
  fields: readonly Field[] | null;
  /** One per field; null is absent. Scaled integers are divided: their shortest print is exact. */
  values: readonly Value[];
  /** On the device's clock, ms. */
  uptime: number;
}

export interface Anchor {
  uptime: number;
  wallMs: number;
  errorMs: number;
}

export interface EventsBlock {
  kind: 'events';
  /** The boot before this one stored everything below `next`. */
  prior: { boot: number; next: number } | null;
  anchor: Anchor | null;
  events: BlockEvent[];
}

export type Block =
  | EventsBlock
  | { kind: 'lost'; reason: 'overflow' | 'refused' | 'damaged' }
  | { kind: 'undecodable'; why: string };

const LOST_REASONS = new Map<number, 'overflow' | 'refused' | 'damaged'>([
  [LOST_OVERFLOW, 'overflow'],
  [LOST_REFUSED, 'refused'],
  [LOST_DAMAGED, 'damaged'],
]);

/** `table` is not needed for a lost range; `count` is what DATA said. */
export function decodeBlock(bytes: Uint8Array, table: StreamTable | null, count: number): Block {
  if (bytes.length > BLOCK_BYTES_MAX) return undecodable('longer than a block');
  const reader = new CborReader(bytes);
  let prior: EventsBlock['prior'] = null;
  let anchor: Anchor | null = null;
  while (reader.major === 4) {
    const items = reader.array(3, 'head');
    if (items === 1 && prior === null && anchor === null) return decodeLost(reader);
    if (items === 2 && prior === null) prior = readPrior(reader);
    else if (items === 3 && anchor === null) anchor = readAnchor(reader);
    else return undecodable(reader.broken ?? 'head: neither lost, prior nor anchor');
  }
  if (reader.broken !== null) return undecodable(reader.broken);
  if (table === null) return undecodable('events without a table');
  const events = new EventReader(reader, table).read(count);
  if (typeof events === 'string') return undecodable(events);
  return { kind: 'events', prior, anchor, events };
}

function undecodable(why: string): Block {
  return { kind: 'undecodable', why };
}

function decodeLost(reader: CborReader): Block {
  const reason = LOST_REASONS.get(reader.uint(SEQ_MAX, 'loss reason'));
  if (reader.broken !== null) return undecodable(reader.broken);
  if (reason === undefined) return undecodable('loss reason: unknown');
  return reader.done ? { kind: 'lost', reason } : undecodable('bytes behind the lost range');
}

function readPrior(reader: CborReader): { boot: number; next: number } {
  const boot = reader.uint(SEQ_MAX, 'prior boot');
  return { boot, next: reader.uint(SEQ_MAX + 1, 'prior next') };
}

function readAnchor(reader: CborReader): Anchor {
  const uptime = reader.uint(UPTIME_MAX - 1, 'anchor uptime');
  const wallMs = reader.uint(2 ** 53, 'anchor wallMs');
  return { uptime, wallMs, errorMs: reader.uint(2 ** 53, 'anchor errorMs') };
}

/** [W-16] to [W-18]: one time and one interval per stream, the last ones for all undeclared. */
class EventReader {
  readonly #reader: CborReader;
  readonly #streams: readonly Stream[];
  readonly #times: number[];
  readonly #intervals: number[];
  readonly #previous: (number[] | undefined)[] = [];
  #latest: number;

  constructor(reader: CborReader, table: StreamTable) {
    this.#reader = reader;
    this.#streams = table.streams;
    this.#latest = reader.uint(UPTIME_MAX - 1, 'base');
    this.#times = new Array<number>(table.streams.length + 1).fill(this.#latest);
    this.#intervals = new Array<number>(table.streams.length + 1).fill(0);
  }

  read(count: number): BlockEvent[] | string {
    const reader = this.#reader;
    const events: BlockEvent[] = [];
    while (!reader.done) {
      if (events.length === count) return 'more events than its count';
      events.push(reader.major === 3 ? this.#undeclared() : this.#declared());
    }
    if (reader.broken !== null) return reader.broken;
    return events.length === count ? events : 'fewer events than its count';
  }

  #undeclared(): BlockEvent {
    const name = this.#reader.text(NAME_BYTES_MAX, 'name');
    if (!isStreamName(name)) this.#reader.fail('name: not [A-Za-z0-9._-]{1,64}');
    const uptime = this.#time(this.#streams.length, this.#reader.integer('change'));
    const value = this.#reader.value(DEPTH_MAX, 'value');
    return { stream: name, fields: null, values: [value], uptime };
  }

  #declared(): BlockEvent {
    const head = this.#reader.integer('head');
    const count = this.#streams.length;
    if (count === 0) this.#reader.fail('a declared event, and the table is empty');
    const index = count === 0 ? 0 : ((head % count) + count) % count;
    const stream = this.#streams[index] ?? { name: '', fields: [] };
    const uptime = this.#time(index, (head - index) / Math.max(1, count));
    const previous = this.#previous[index] ?? new Array<number>(stream.fields.length).fill(0);
    this.#previous[index] = previous;
    const values: Value[] = [];
    for (let at = 0; at < stream.fields.length && this.#reader.broken === null; at++) {
      values.push(this.#value(stream.fields[at]!.type, previous, at));
    }
    return { stream: stream.name, fields: stream.fields, values, uptime };
  }

  #time(index: number, change: number): number {
    const interval = this.#intervals[index]! + change;
    const time = this.#times[index]! + interval;
    if (time < this.#latest) this.#reader.fail('time runs backwards');
    if (time >= UPTIME_MAX) this.#reader.fail('time beyond 2^46');
    this.#intervals[index] = interval;
    this.#times[index] = time;
    this.#latest = time;
    return time;
  }

  #value(type: number, previous: number[], at: number): Value {
    const reader = this.#reader;
    if (reader.absent()) return null;
    switch (type) {
      case TYPE_BOOL:
        return reader.bool('bool');
      case TYPE_FLOAT: {
        const float = reader.float('float');
        return Number.isNaN(float) ? null : float;
      }
      case TYPE_TEXT:
        return reader.text(BLOCK_BYTES_MAX, 'text');
      case TYPE_BYTES:
        return reader.byteString(BLOCK_BYTES_MAX, 'bytes');
    }
    const scaled = previous[at]! + reader.integer('number');
    if (Math.abs(scaled) > SCALED_MAX) reader.fail('number: beyond 2^52');
    if (type === TYPE_UINT && scaled < 0) reader.fail('uint: negative');
    previous[at] = scaled;
    return type > 0 && type <= TYPE_FIXED_MAX ? scaled / 10 ** type : scaled;
  }
}

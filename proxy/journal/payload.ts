import { Encoder } from 'cbor-x';
import type {
  ConfirmRecord,
  Dropped,
  JournalRecord,
  LossReason,
  Position,
  TimeQuality,
} from './record.js';

// Payloads of records: one CBOR array each, in the order of JOURNAL.md's table ([J-30]). No record
// structures, no tags: any CBOR tool reads them.
// decodeRecord answers null where the array has not the shape of its type.

export const recordType = {
  group: 1,
  block: 2,
  loss: 3,
  table: 4,
  confirm: 5,
  forget: 6,
} as const;

/** The payload of a group record: the first of each group. */
export interface Group {
  /** Everything below was part of a completed sync when the group was written. */
  syncedEnd: number;
  /** Records of the group, this one not counted. */
  count: number;
  writtenMs: number;
}

const lossReasons: readonly LossReason[] = [
  'overflow',
  'refused',
  'damaged',
  'undecodable',
  'unknown',
  'perhaps-delivered',
  'tail-unknown',
];
const qualities: readonly TimeQuality[] = ['synced', 'estimated', 'unknown'];

const cbor = new Encoder({
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  structuredClone: false,
  variableMapSize: true,
});

export function encodeCbor(value: unknown): Uint8Array {
  return cbor.encode(value);
}

/** Throws on what is not CBOR. Byte strings are views into `bytes`. */
export function decodeCbor(bytes: Uint8Array): unknown {
  return cbor.decode(bytes);
}

export function encodeGroup(group: Group): Uint8Array {
  return encodeCbor([group.syncedEnd, group.count, group.writtenMs]);
}

export function decodeGroup(payload: Uint8Array): Group | null {
  return shaped(payload, (fields) => ({
    syncedEnd: fields.integer(),
    count: fields.integer(),
    writtenMs: fields.number(),
  }));
}

export function encodePayload(record: JournalRecord): Uint8Array {
  switch (record.kind) {
    case 'block':
      return encodeCbor([
        record.device,
        record.boot,
        record.first,
        record.count,
        record.from,
        Buffer.from(record.table, 'hex'),
        record.arrivalMs,
        record.offsetMs,
        record.lastTimeMs,
        qualities.indexOf(record.quality),
        record.bytes,
      ]);
    case 'loss':
      return encodeCbor([
        record.device,
        record.boot,
        record.from,
        record.to,
        lossReasons.indexOf(record.reason),
        record.arrivalMs,
      ]);
    case 'table':
      return encodeCbor([record.device, Buffer.from(record.id, 'hex'), record.bytes]);
    case 'confirm':
      return encodeCbor([
        ...positionFields(record.position),
        record.committed,
        ...(record.dropped === undefined ? [] : [record.dropped]),
      ]);
    case 'forget':
      return encodeCbor([record.device, record.boots]);
  }
}

/** `journal` is the id that the positions in it carry. */
export function decodePayload(
  type: number,
  payload: Uint8Array,
  journal: string,
): JournalRecord | null {
  switch (type) {
    case recordType.block:
      return shaped(payload, (fields) => ({
        kind: 'block' as const,
        device: fields.text(),
        boot: fields.integer(),
        first: fields.integer(),
        count: fields.integer(),
        from: fields.integer(),
        table: Buffer.from(fields.bytes()).toString('hex'),
        arrivalMs: fields.number(),
        offsetMs: fields.number(),
        lastTimeMs: fields.number(),
        quality: fields.oneOf(qualities),
        bytes: fields.bytes(),
      }));
    case recordType.loss:
      return shaped(payload, (fields) => ({
        kind: 'loss' as const,
        device: fields.text(),
        boot: fields.integer(),
        from: fields.integer(),
        to: fields.orNull((at) => at.integer()),
        reason: fields.oneOf(lossReasons),
        arrivalMs: fields.number(),
      }));
    case recordType.table:
      return shaped(payload, (fields) => ({
        kind: 'table' as const,
        device: fields.text(),
        id: Buffer.from(fields.bytes()).toString('hex'),
        bytes: fields.bytes(),
      }));
    case recordType.confirm:
      return shaped(payload, (fields) => ({
        kind: 'confirm' as const,
        position: readPosition(fields, journal),
        committed: fields.list().map((pair): ConfirmRecord['committed'][number] => {
          const entry = new Fields(pair);
          return [entry.text(), entry.integer()];
        }),
        ...readDropped(fields),
      }));
    case recordType.forget:
      return shaped(payload, (fields) => ({
        kind: 'forget' as const,
        device: fields.text(),
        boots: fields.list().map((boot) => new Fields([boot]).integer()),
      }));
    default:
      return null;
  }
}

export function positionFields(position: Position): unknown[] {
  return [position.lane, position.generation, position.offset, position.end, position.check];
}

export function readPosition(fields: Fields, journal: string): Position {
  return {
    lane: fields.integer(),
    journal,
    generation: fields.integer(),
    offset: fields.integer(),
    end: fields.integer(),
    check: fields.integer(),
  };
}

/** Behind the last item of a confirmation, where something was dropped. */
function readDropped(fields: Fields): Pick<ConfirmRecord, 'dropped'> {
  const items = fields.any();
  if (items === undefined) return {};
  const dropped = expect(items, isList).map((item): Dropped => {
    const entry = new Fields(item);
    return [entry.text(), entry.text(), entry.integer()];
  });
  return { dropped };
}

/** Null where the bytes are no CBOR or `read` meets another type than it asks for. */
export function shaped<T>(payload: Uint8Array, read: (fields: Fields) => T): T | null {
  try {
    return read(new Fields(decodeCbor(payload)));
  } catch {
    return null;
  }
}

/** Reads an array's items in their order; throws on another type, which `shaped` catches. */
export class Fields {
  readonly #items: readonly unknown[];
  #next = 0;

  constructor(value: unknown) {
    this.#items = expect(value, isList);
  }

  any(): unknown {
    return this.#items[this.#next++];
  }
  text(): string {
    return expect(this.any(), isText);
  }
  number(): number {
    return expect(this.any(), isNumber);
  }
  integer(): number {
    const value = this.number();
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`unexpected ${value}`);
    return value;
  }
  orNull<T>(read: (fields: this) => T): T | null {
    if (this.#items[this.#next] !== null) return read(this);
    this.#next++;
    return null;
  }
  bytes(): Uint8Array {
    return expect(this.any(), isBytes);
  }
  list(): readonly unknown[] {
    return expect(this.any(), isList);
  }
  oneOf<T>(values: readonly T[]): T {
    return expect(values[this.integer()], (value): value is T => value !== undefined);
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}
function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function expect<T>(value: unknown, holds: (value: unknown) => value is T): T {
  if (!holds(value)) throw new TypeError(`unexpected ${typeof value}`);
  return value;
}

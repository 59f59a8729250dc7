import { crc32 } from '../crc32.js';
import { type LaneCount, laneOf } from './lane.js';
import { Fields, positionFields, readPosition } from './payload.js';
import type {
  BlockRecord,
  JournalRecord,
  LossRecord,
  Position,
  TableId,
  TableRecord,
} from './record.js';

// What the synced records amount to: places, tables, confirmed positions. A checkpoint is this
// state's bytes; replay is `apply` over the records behind it. Nothing in it is ahead of a
// completed sync, confirmed positions excepted: those are Kafka's word ([J-42]).
// Invariant: a place never moves back, and what lies below it is ignored ([J-41]).

export interface DurablePlace {
  boot: number;
  durable: number;
  fingerprint: number | null;
  lastTimeMs: number;
  offsetMs: number | null;
  /** [J-48] Its end was said, and nothing came of it since. */
  ended: boolean;
  /** Where the newest record of this boot starts: committed once its lane has confirmed that. */
  lastOffset: number;
}

export class State {
  readonly places = new Map<string, Map<number, DurablePlace>>();
  readonly tables = new Map<string, Map<TableId, Uint8Array>>();
  /** By lane. */
  readonly confirmed = new Map<number, Position>();
  /** By lane: where its first record starts that a device sent. */
  readonly firstOffsets = new Map<number, number>();

  /** False where the record changes nothing, since what it says was known. */
  apply(record: JournalRecord, lane: number, offset: number): boolean {
    switch (record.kind) {
      case 'block':
      case 'loss':
        this.#noteLane(lane, offset);
        return this.#move(record, offset);
      case 'table':
        this.#noteLane(lane, offset);
        return this.#addTable(record.device, record.id, record.bytes);
      case 'confirm':
        return this.confirm(record.position);
      case 'forget': {
        const boots = this.places.get(record.device);
        for (const boot of record.boots) boots?.delete(boot);
        if (boots?.size === 0) this.places.delete(record.device);
        return true;
      }
    }
  }

  /** [J-44] False where it says nothing new: its events were counted then. */
  confirm(position: Position): boolean {
    const before = this.confirmed.get(position.lane);
    if (before !== undefined && before.offset >= position.offset) return false;
    this.confirmed.set(position.lane, position);
    return true;
  }

  place(device: string, boot: number): DurablePlace | undefined {
    return this.places.get(device)?.get(boot);
  }

  /** Below it Kafka has all of the lane. */
  waitsFrom(lane: number, { lanesSince }: LaneCount): number {
    return Math.max(lanesSince, this.confirmed.get(lane)?.end ?? 0);
  }

  /** Does Kafka hold everything of this place? */
  committed(device: string, place: DurablePlace, count: LaneCount): boolean {
    return place.lastOffset < this.waitsFrom(laneOf(device, count.lanes), count);
  }

  /** [J-50] Every segment that ends at or below it may go. */
  neededFrom({ lanes, lanesSince }: LaneCount): number {
    const keep = Array.from(
      { length: lanes },
      (_, lane) => this.confirmed.get(lane)?.offset ?? lanesSince,
    );
    return Math.min(...keep);
  }

  tableRecords(): TableRecord[] {
    const records: TableRecord[] = [];
    for (const [device, tables] of this.tables) {
      for (const [id, bytes] of tables) records.push({ kind: 'table', device, id, bytes });
    }
    return records;
  }

  encode(): unknown[] {
    return [
      [...this.confirmed.values()].map(positionFields),
      [...this.firstOffsets],
      [...this.places].map(([device, boots]) => [
        device,
        [...boots.values()].map((place) => [
          place.boot,
          place.durable,
          place.fingerprint,
          place.lastTimeMs,
          place.lastOffset,
          place.offsetMs,
          ...(place.ended ? [true] : []),
        ]),
      ]),
      [...this.tables].map(([device, tables]) => [
        device,
        [...tables].map(([id, bytes]) => [Buffer.from(id, 'hex'), bytes]),
      ]),
    ];
  }

  #noteLane(lane: number, offset: number): void {
    if (!this.firstOffsets.has(lane)) this.firstOffsets.set(lane, offset);
  }

  #move(record: BlockRecord | LossRecord, offset: number): boolean {
    const end = endOf(record);
    const place = this.place(record.device, record.boot);
    if (end === null) {
      if (place !== undefined) Object.assign(place, { lastOffset: offset, ended: true });
      return true;
    }
    if (place === undefined) {
      placesOf(this.places, record.device).set(record.boot, {
        boot: record.boot,
        durable: end,
        fingerprint: fingerprintOf(record),
        ...timeAfter(noTime, record),
        ended: false,
        lastOffset: offset,
      });
      return true;
    }
    if (end <= place.durable) return false;
    place.durable = end;
    place.ended = false;
    place.fingerprint ??= fingerprintOf(record);
    const { lastTimeMs, offsetMs } = timeAfter(place, record);
    place.lastTimeMs = lastTimeMs;
    place.offsetMs = offsetMs;
    place.lastOffset = offset;
    return true;
  }

  #addTable(device: string, id: TableId, bytes: Uint8Array): boolean {
    const tables = placesOf(this.tables, device);
    if (tables.has(id)) return false;
    // A copy: decoded bytes are a view that would keep a whole read buffer alive.
    tables.set(id, Uint8Array.from(bytes));
    return true;
  }
}

/** One past the record's last seq; null where it moves nothing ("tail unknown"). */
export function endOf(record: BlockRecord | LossRecord): number | null {
  return record.kind === 'block' ? record.first + record.count : record.to;
}

type PlaceTime = Pick<DurablePlace, 'lastTimeMs' | 'offsetMs'>;

/** Of a place without a block. */
export const noTime: PlaceTime = { lastTimeMs: 0, offsetMs: null };

/** [J-47] The newest block counts, not the largest: the proxy's clock may have been set back. */
export function timeAfter(
  { lastTimeMs, offsetMs }: PlaceTime,
  record: BlockRecord | LossRecord,
): PlaceTime {
  if (record.kind !== 'block') return { lastTimeMs, offsetMs };
  const isKnown = record.quality !== 'unknown';
  return { lastTimeMs: record.lastTimeMs, offsetMs: isKnown ? record.offsetMs : offsetMs };
}

/** [J-43] Only the block that begins the boot, taken whole, is its fingerprint. */
export function fingerprintOf(record: BlockRecord | LossRecord): number | null {
  if (record.kind !== 'block' || record.first !== 0 || record.from !== 0) return null;
  return crc32(record.bytes);
}

export function placesOf<K, V>(map: Map<string, Map<K, V>>, device: string): Map<K, V> {
  const found = map.get(device);
  if (found !== undefined) return found;
  const made = new Map<K, V>();
  map.set(device, made);
  return made;
}

/** The four items that `encode` gives; throws on another shape, inside `shaped`. */
export function readState(fields: Fields, journal: string): State {
  const state = new State();
  for (const item of fields.list()) state.confirm(readPosition(new Fields(item), journal));
  for (const item of fields.list()) {
    const lane = new Fields(item);
    state.firstOffsets.set(lane.integer(), lane.integer());
  }
  for (const item of fields.list()) {
    const entry = new Fields(item);
    const boots = placesOf(state.places, entry.text());
    for (const place of entry.list()) readPlace(new Fields(place), boots);
  }
  for (const item of fields.list()) {
    const entry = new Fields(item);
    const tables = placesOf(state.tables, entry.text());
    for (const pair of entry.list()) {
      const table = new Fields(pair);
      tables.set(Buffer.from(table.bytes()).toString('hex'), Uint8Array.from(table.bytes()));
    }
  }
  return state;
}

function readPlace(fields: Fields, boots: Map<number, DurablePlace>): void {
  const place = {
    boot: fields.integer(),
    durable: fields.integer(),
    fingerprint: fields.orNull((at) => at.integer()),
    lastTimeMs: fields.number(),
    lastOffset: fields.integer(),
  };
  // [J-47], [J-48] A checkpoint of a version before does not have them.
  const offsetMs = fields.any();
  const ended = fields.any() === true;
  const known = typeof offsetMs === 'number' ? offsetMs : null;
  boots.set(place.boot, { ...place, offsetMs: known, ended });
}

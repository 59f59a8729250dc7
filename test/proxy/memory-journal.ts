import { crc32 } from '../../proxy/crc32.js';
import type { Journal, Place, Synced } from '../../proxy/journal/journal.js';
import type { BlockRecord, LossRecord, Position, TableRecord } from '../../proxy/journal/record.js';

// A journal in memory whose fsync happens when a test says so. The real one's tests are its own; what
// sessions do between an append and its fsync needs a disk that waits.

type Taken = BlockRecord | LossRecord | TableRecord;

export class MemoryJournal implements Journal {
  constructor(readonly id = '0'.repeat(32)) {}

  readonly generation = 1;
  readonly lanes = 1;
  readonly lanesSince = 0;
  readonly trouble = null;
  readonly troubleKind = null;
  readonly bytes: number = 0;
  readonly bytesMax: number = 1e9;
  readonly keptBytes: number = 0;
  readonly pendingBytes = 0;
  readonly pendingBytesMax = 8 << 20;
  readonly syncedEnd: number = 0;
  writable = true;
  /** Appends are refused, as beyond pendingBytesMax. */
  refusing = false;
  /** All that was appended. */
  readonly records: Taken[] = [];
  readonly forgotten: [string, number[]][] = [];
  /** What was forgotten, and how many records there were then. */
  readonly #forgottenBehind: { device: string; places: Place[]; records: number }[] = [];
  #synced = 0;
  #confirmed: Position | null = null;
  readonly #offsets = new Map<string, number>();
  readonly #places = new Map<string, Map<number, Place>>();
  readonly #tables = new Map<string, { record: TableRecord; durable: boolean }>();
  readonly #onSynced: ((synced: Synced) => void)[] = [];
  readonly #onFailed: ((error: Error) => void)[] = [];
  readonly #onWritable: ((writable: boolean) => void)[] = [];

  places(device: string): ReadonlyMap<number, Readonly<Place>> | null {
    return this.#places.get(device) ?? null;
  }

  newestOffset(device: string, boot: number): number | null {
    return this.#offsets.get(`${device} ${boot}`) ?? null;
  }

  table(device: string, id: string): { bytes: Uint8Array; durable: boolean } | null {
    const held = this.#tables.get(`${device} ${id}`);
    return held === undefined ? null : { bytes: held.record.bytes, durable: held.durable };
  }

  tableCount(device: string): number {
    return this.tables().filter((table) => table.device === device).length;
  }

  tables(): TableRecord[] {
    return [...this.#tables.values()].map(({ record }) => record);
  }

  devices(): IterableIterator<string> {
    return this.#places.keys();
  }

  append(record: Taken): boolean {
    if (!this.writable || this.refusing) return false;
    this.records.push(record);
    if (record.kind === 'table') {
      this.#tables.set(`${record.device} ${record.id}`, { record, durable: false });
      return true;
    }
    const end = record.kind === 'block' ? record.first + record.count : record.to;
    if (end === null) {
      const over = this.#places.get(record.device)?.get(record.boot);
      if (over !== undefined) over.ended = true;
      return true;
    }
    const place = this.#place(record.device, record.boot, record.from);
    if (place.received !== record.from || end <= record.from) {
      throw new RangeError(`journal: from ${record.from} to ${end}, received ${place.received}`);
    }
    place.received = end;
    place.ended = false;
    if (record.kind === 'loss') return true;
    place.lastTimeMs = record.lastTimeMs;
    if (record.quality !== 'unknown') place.offsetMs = record.offsetMs;
    if (record.first === 0 && record.from === 0) place.fingerprint = crc32(record.bytes);
    return true;
  }

  /** A completed fsync of all that was appended; offsets here are numbers of records, unless told. */
  sync(end = this.records.length): void {
    const touched = new Map<string, Set<number>>();
    for (const [at, record] of this.records.slice(this.#synced).entries()) {
      const boots = touched.get(record.device) ?? new Set<number>();
      touched.set(record.device, boots);
      if (record.kind === 'table') {
        this.#tables.get(`${record.device} ${record.id}`)!.durable = true;
        continue;
      }
      boots.add(record.boot);
      const place = this.#places.get(record.device)?.get(record.boot);
      if (place === undefined) continue;
      place.durable = place.received;
      this.#offsets.set(`${record.device} ${record.boot}`, this.#synced + at);
    }
    this.#synced = this.records.length;
    for (const listener of this.#onSynced) listener({ end, touched });
  }

  /** A failed one: received falls back to durable. */
  fail(): void {
    this.records.length = this.#synced;
    // What was forgotten behind a record that the disk refused was not forgotten.
    for (const { device, places, records } of this.#forgottenBehind) {
      if (records <= this.#synced) continue;
      for (const place of places) this.#places.get(device)?.set(place.boot, place);
      places.length = 0;
    }
    for (const places of this.#places.values()) {
      for (const [boot, place] of places) {
        place.received = place.durable;
        place.ended = this.#isEnded(place.boot);
        if (place.durable === 0) places.delete(boot);
      }
    }
    for (const [key, { durable }] of this.#tables) if (!durable) this.#tables.delete(key);
    for (const listener of this.#onFailed) listener(new Error('EIO'));
  }

  /** Another process finds what was durable. */
  afterCrash(): MemoryJournal {
    const found = new MemoryJournal();
    for (const record of this.records.slice(0, this.#synced)) found.append(record);
    found.sync();
    // What was forgotten behind a record that the disk lost was not forgotten.
    this.forgotten.forEach(([device, boots], index) => {
      if (this.#forgottenBehind[index]!.records <= this.#synced) found.forget(device, boots);
    });
    return found;
  }

  setWritable(writable: boolean): void {
    this.writable = writable;
    for (const listener of this.#onWritable) listener(writable);
  }

  /** As Kafka's word lets the journal do. */
  forget(device: string, boots: number[]): void {
    this.forgotten.push([device, boots]);
    const known = this.#places.get(device);
    const places = boots.flatMap((boot) => known?.get(boot) ?? []);
    this.#forgottenBehind.push({ device, places, records: this.records.length });
    for (const boot of boots) known?.delete(boot);
  }

  confirm(position: Position): void {
    this.#confirmed = position;
  }
  waitsFrom(): number {
    return this.confirmed()?.end ?? 0;
  }
  confirmed(): Position | null {
    return this.#confirmed;
  }
  onSynced(listener: (synced: Synced) => void): void {
    this.#onSynced.push(listener);
  }
  onFailed(listener: (error: Error) => void): void {
    this.#onFailed.push(listener);
  }
  onWritable(listener: (writable: boolean) => void): void {
    this.#onWritable.push(listener);
  }
  async close(): Promise<void> {}

  /** After its newest record, of what is left. */
  #isEnded(boot: number): boolean {
    const newest = this.records.findLast((one) => one.kind !== 'table' && one.boot === boot);
    return newest?.kind === 'loss' && newest.to === null;
  }

  #place(device: string, boot: number, from: number): Place {
    const places = this.#places.get(device) ?? new Map<number, Place>();
    this.#places.set(device, places);
    const place = places.get(boot) ?? {
      ...{ boot, received: from, durable: from, fingerprint: null, lastTimeMs: 0, offsetMs: null },
      ended: false,
    };
    places.set(boot, place);
    return place;
  }
}

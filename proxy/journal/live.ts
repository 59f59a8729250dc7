import type { Place } from './journal.js';
import type { BlockRecord, DeviceRecord, LossRecord, TableId } from './record.js';
import { endOf, fingerprintOf, noTime, placesOf, type State, timeAfter } from './state.js';

// What sessions see: the synced state with what was received since on top of it.
// Invariant: durable ≤ received in every place, and durable is the state's.

export class Live {
  readonly #state: State;
  readonly #places = new Map<string, Map<number, Place>>();
  readonly #pendingTables = new Map<string, Map<TableId, Uint8Array>>();

  constructor(state: State) {
    this.#state = state;
    for (const device of state.places.keys()) this.#reset(device);
  }

  devices(): IterableIterator<string> {
    return this.#places.keys();
  }

  places(device: string): ReadonlyMap<number, Readonly<Place>> | null {
    return this.#places.get(device) ?? null;
  }

  table(device: string, id: TableId): { bytes: Uint8Array; durable: boolean } | null {
    const durable = this.#state.tables.get(device)?.get(id);
    if (durable !== undefined) return { bytes: durable, durable: true };
    const pending = this.#pendingTables.get(device)?.get(id);
    return pending === undefined ? null : { bytes: pending, durable: false };
  }

  tableCount(device: string): number {
    const durable = this.#state.tables.get(device)?.size ?? 0;
    return durable + (this.#pendingTables.get(device)?.size ?? 0);
  }

  /** Throws where the record does not begin where its place stands: a session's mistake. */
  check(record: BlockRecord | LossRecord): void {
    const { device, boot, from } = record;
    const end = endOf(record);
    const received = this.#places.get(device)?.get(boot)?.received ?? from;
    const isTail = record.kind === 'loss' && end === null;
    if (isTail || (end !== null && from === received && from < end)) return;
    throw new RangeError(
      `journal: ${record.kind} [${from}, ${end}) of ${device}, boot ${boot}, does not begin at ` +
        `${received}, where its place stands`,
    );
  }

  /** Moves `received`. */
  take(record: DeviceRecord): void {
    if (record.kind === 'table') {
      const tables = placesOf(this.#pendingTables, record.device);
      tables.set(record.id, Uint8Array.from(record.bytes));
      return;
    }
    const end = endOf(record);
    const { device, boot } = record;
    if (end === null) {
      const over = this.#places.get(device)?.get(boot);
      if (over !== undefined) over.ended = true;
      return;
    }
    const boots = placesOf(this.#places, device);
    let place = boots.get(boot);
    if (place === undefined) {
      const durable = record.from;
      place = { boot, received: end, durable, fingerprint: null, ended: false, ...noTime };
      boots.set(boot, place);
    }
    place.received = end;
    place.ended = false;
    place.fingerprint ??= fingerprintOf(record);
    Object.assign(place, timeAfter(place, record));
  }

  /** The state took these in: moves `durable`, and notes what moved. */
  settle(record: DeviceRecord, touched: Map<string, Set<number>>): void {
    let boots = touched.get(record.device);
    if (boots === undefined) {
      boots = new Set();
      touched.set(record.device, boots);
    }
    if (record.kind === 'table') {
      const pending = this.#pendingTables.get(record.device);
      pending?.delete(record.id);
      if (pending?.size === 0) this.#pendingTables.delete(record.device);
      return;
    }
    const place = this.#places.get(record.device)?.get(record.boot);
    const settled = this.#state.place(record.device, record.boot);
    if (place === undefined || settled === undefined || place.durable === settled.durable) return;
    place.durable = settled.durable;
    boots.add(record.boot);
  }

  forget(device: string, boots: readonly number[]): void {
    const places = this.#places.get(device);
    for (const boot of boots) places?.delete(boot);
    if (places?.size === 0) this.#places.delete(device);
  }

  /** After a failed sync: received falls back to durable. */
  fallBack(records: Iterable<DeviceRecord>): void {
    const devices = new Set<string>();
    for (const record of records) devices.add(record.device);
    this.#pendingTables.clear();
    for (const device of devices) this.#reset(device);
  }

  #reset(device: string): void {
    const durable = this.#state.places.get(device);
    const boots = placesOf(this.#places, device);
    for (const boot of [...boots.keys()]) if (!durable?.has(boot)) boots.delete(boot);
    for (const settled of durable?.values() ?? []) {
      const { boot, fingerprint, lastTimeMs, offsetMs, ended } = settled;
      const values = {
        received: settled.durable,
        durable: settled.durable,
        fingerprint,
        lastTimeMs,
        offsetMs,
        ended,
      };
      const place = boots.get(boot);
      if (place === undefined) boots.set(boot, { boot, ...values });
      else Object.assign(place, values);
    }
    if (boots.size === 0) this.#places.delete(device);
  }
}

import type { BlockRecord, Located, LossRecord } from './record.js';
import { endOf } from './state.js';

// What damage took, told from the seqs on both sides of it ([J-33]): the records of a place follow one
// another without a gap, so where one is missing, its neighbours say which seqs it held.
//
//   … press-07 [0, 4) │ damage │ kiln [7, 9) │ press-07 [9, 12) …      lost: press-07 [4, 9)
//                     from ──► every record behind it is judged
//
// Before any damage is met nothing is remembered, so that a sound journal costs nothing. Of a place whose
// records before the damage are all deleted nothing can be told.

/** The records of the stretch that ends at `before`; null at the journal's beginning. */
export type Earlier = (before: number) => Promise<{ from: number; located: Located[] } | null>;

type Ends = Map<string, number | null>;

export class Gaps {
  readonly #earlier: Earlier;
  #damage: number[] = [];
  /** Records from here on were judged, and those in `#older` looked at. */
  #from = 0;
  #olderFrom = 0;
  /** By place: where its newest record ends; null: it was forgotten. */
  readonly #ends: Ends = new Map();
  readonly #older: Ends = new Map();

  constructor(earlier: Earlier) {
    this.#earlier = earlier;
  }

  damaged(offset: number): void {
    if (this.#damage.length === 0) this.#restart(offset);
    if (!this.#damage.includes(offset)) this.#damage.push(offset);
  }

  /** Reading goes on somewhere else. */
  jumped(to: number): void {
    this.#damage = this.#damage.filter((offset) => offset < to);
    this.#restart(to);
  }

  /** What was lost of its place right before this record. Takes records in their order. */
  async before({ record, offset }: Located): Promise<LossRecord | null> {
    if (this.#damage.length === 0 || offset < this.#from) return null;
    if (record.kind === 'forget') note(this.#ends, record.device, record.boots);
    if (record.kind !== 'block' && record.kind !== 'loss') return null;
    const place = nameOf(record.device, record.boot);
    const known = this.#ends.has(place) ? this.#ends.get(place) : await this.#lookBack(record);
    this.#ends.set(place, endOf(record) ?? Math.max(known ?? 0, record.from));
    if (known === null || known === undefined || known >= record.from) return null;
    const { device, boot, from, arrivalMs } = record;
    return { kind: 'loss', device, boot, from: known, to: from, reason: 'damaged', arrivalMs };
  }

  #restart(offset: number): void {
    this.#from = offset;
    this.#olderFrom = offset;
    this.#ends.clear();
    this.#older.clear();
  }

  /** The place's end before `#from`: as far back as needed, and never twice. */
  async #lookBack({ device, boot, from }: BlockRecord | LossRecord): Promise<number | null> {
    // Nothing can have been lost before its first event.
    if (from === 0) return null;
    const place = nameOf(device, boot);
    for (;;) {
      const found = this.#older.get(place);
      if (found !== undefined) return found;
      const stretch = await this.#earlier(this.#olderFrom);
      if (stretch === null) return null;
      this.#olderFrom = stretch.from;
      const ends: Ends = new Map();
      for (const { record } of stretch.located) {
        if (record.kind === 'forget') note(ends, record.device, record.boots);
        if (record.kind !== 'block' && record.kind !== 'loss') continue;
        const end = endOf(record);
        if (end !== null) ends.set(nameOf(record.device, record.boot), end);
      }
      for (const [name, end] of ends) if (!this.#older.has(name)) this.#older.set(name, end);
    }
  }
}

function note(ends: Ends, device: string, boots: readonly number[]): void {
  for (const boot of boots) ends.set(nameOf(device, boot), null);
}

function nameOf(device: string, boot: number): string {
  return `${boot} ${device}`;
}

// What became of the events of one boot: written by the device's send() and by the proof's reader, which know nothing of each other.
// An event's time and hash are kept while it is awaited:
//
//   seq    0 ──────── floor ─────────── next
//          settled: in Kafka │ awaited, in a ring
//          or lost           │

import { Ranges } from './ranges.js';

export class Page {
  /** Which boot of its device it is, from 0 on. */
  readonly life: number;
  /** Everything below is in Kafka or reported lost. */
  floor = 0;
  /** How often send() was called: the next seq [W-1]. */
  next = 0;
  /** The proxy acknowledged what is below. */
  acknowledged = 0;
  /** RAM is gone; what was not acknowledged may be. */
  isCut = false;
  readonly refused = new Ranges();
  readonly arrived = new Ranges();
  readonly lost = new Ranges();
  /** The proxy said that it knows nothing of what follows. */
  lostFrom = Number.POSITIVE_INFINITY;
  /** The seq that came last. */
  last = -1;
  #times = new Float64Array(8);
  #hashes = new Uint32Array(8);

  constructor(life: number) {
    this.life = life;
  }

  get accepted(): number {
    return this.next - this.refused.size;
  }

  sent(isTaken: boolean, atMs: number, hash: number): void {
    const seq = this.next++;
    if (!isTaken) this.refused.add(seq);
    if (this.next - this.floor > this.#times.length) this.#grow();
    const place = seq & (this.#times.length - 1);
    this.#times[place] = atMs;
    this.#hashes[place] = hash;
  }

  /** When an awaited event was accepted. */
  timeOf(seq: number): number | null {
    return this.#isAwaited(seq) ? this.#times[seq & (this.#times.length - 1)]! : null;
  }

  hashOf(seq: number): number | null {
    return this.#isAwaited(seq) ? this.#hashes[seq & (this.#hashes.length - 1)]! : null;
  }

  /** What is settled at the front is awaited no longer. */
  settle(): void {
    for (;;) {
      const end = this.arrived.endOf(this.floor) ?? this.lost.endOf(this.floor);
      if (end === null || this.floor >= this.next) return;
      this.floor = Math.min(end, this.next);
    }
  }

  #isAwaited(seq: number): boolean {
    return seq >= this.floor && seq < this.next;
  }

  #grow(): void {
    const [times, hashes] = [this.#times, this.#hashes];
    this.#times = new Float64Array(times.length * 2);
    this.#hashes = new Uint32Array(times.length * 2);
    for (let seq = this.floor; seq < this.next - 1; seq++) {
      this.#times[seq & (this.#times.length - 1)] = times[seq & (times.length - 1)]!;
      this.#hashes[seq & (this.#times.length - 1)] = hashes[seq & (hashes.length - 1)]!;
    }
  }
}

import { Random } from '../random.js';

// What goes wrong in a site, and how often: drawn from the seed, so that a seed can be shrunk by leaving kinds out. Whether a kind strikes is
// drawn where it is left out too: the rest of the seed then goes on as it was.

export const faultKinds = [
  'link', // bytes late, lost, twice, damaged; connections cut; a black hole
  'device', // power cuts of devices
  'kill', // the proxy's process, at any point at which it would have gone on
  'power', // of the proxy's machine
  'stop', // SIGTERM and a new start
  'disk', // EIO, a failed fsync
  'full', // the disk
  'requests', // to Kafka: lost, late, unanswered
  'kafka', // away for a while
  'topics', // missing or forbidden for a while
  'hang', // the lane's thread, or the process
  'clock', // the proxy's wall clock is set by minutes
  'policy', // a store that gives up something else than the oldest
  'copy', // an older copy of the journal is put back for a while, with no device
  'stranger', // somebody else's transaction on the position's partition stays open
  'lanes', // another number of them is configured at a start
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** They came later: drawn apart, and left out where a seed is kept for what it did before. */
export const laterKinds: readonly FaultKind[] = ['clock', 'policy', 'copy', 'stranger', 'lanes'];

export class Faults {
  /** While true nothing goes wrong any more. */
  isHealed = false;
  /** For the later kinds. */
  readonly later: Random;
  /** For the latest, of which what was drawn before them knows nothing. */
  readonly latest: Random;
  readonly #random: Random;
  readonly #without: ReadonlySet<FaultKind>;
  readonly #strength = new Map<FaultKind, number>();

  constructor(random: Random, seed: number, without: ReadonlySet<FaultKind>) {
    this.#random = random;
    this.#without = without;
    this.later = new Random(seed + 0x1000_0000);
    this.latest = new Random(seed + 0x2000_0000);
    for (const kind of faultKinds) {
      if (kind === 'lanes') continue;
      const strength = laterKinds.includes(kind)
        ? this.later.pick([0, 0, 0, 1])
        : random.pick([0, 0.3, 1, 1, 2]);
      this.#strength.set(kind, strength);
    }
  }

  has(kind: FaultKind): boolean {
    return !this.isHealed && !this.#without.has(kind);
  }

  strikes(kind: FaultKind, probability: number): boolean {
    const random = laterKinds.includes(kind) ? this.later : this.#random;
    return random.chance(probability * this.#strength.get(kind)!) && this.has(kind);
  }
}

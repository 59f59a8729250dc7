import type { Checkpoint } from './checkpoint.js';
import type { Located } from './record.js';
import { endOf } from './state.js';

// What damage took, by place: told by the records on both sides of it, and, where none follows, by the newest
// checkpoint, which says how far each place had come.

/** Seqs that are lost. `from` null: from where the place's records before are deleted; `to` is one past the last. */
export interface Range {
  device: string;
  boot: number;
  from: number | null;
  to: number;
  /** The record that tells it; the damage is before it, or there. */
  offset: number;
}

type Ends = Map<string, number>;

export class Places {
  readonly #checkpoint: Checkpoint | null;
  readonly #ends: Ends = new Map();
  /** As the checkpoint must have found them. */
  readonly #atCheckpoint: Ends = new Map();
  readonly #lost: Range[] = [];

  constructor(checkpoint: Checkpoint | null) {
    this.#checkpoint = checkpoint;
  }

  get #coveredEnd(): number {
    return this.#checkpoint?.end ?? 0;
  }

  /** Records in between were removed: nothing tells where a place should go on. */
  restart(): void {
    this.#ends.clear();
  }

  /** In their order. Answers what is missing before a record though no damage was met. */
  take({ record, offset, lost }: Located): Range | null {
    if (record.kind === 'forget') {
      for (const boot of record.boots) {
        const key = keyOf(record.device, boot);
        this.#ends.delete(key);
        if (offset < this.#coveredEnd) this.#atCheckpoint.delete(key);
      }
      return null;
    }
    if (record.kind !== 'block' && record.kind !== 'loss') return null;
    const { device, boot, from } = record;
    const key = keyOf(device, boot);
    const known = this.#ends.get(key);
    const end = endOf(record) ?? Math.max(known ?? 0, from);
    this.#ends.set(key, Math.max(known ?? 0, end));
    if (offset < this.#coveredEnd) this.#atCheckpoint.set(key, this.#ends.get(key)!);
    if (lost !== undefined) {
      this.#lost.push({ device, boot, from: lost.from, to: from, offset });
      return null;
    }
    if (known === undefined || from <= known) return null;
    return { device, boot, from: known, to: from, offset };
  }

  /** All ranges, those too that only the checkpoint tells. */
  lost(begin: number): Range[] {
    const lost = [...this.#lost];
    for (const [device, boots] of this.#checkpoint?.state.places ?? []) {
      for (const { boot, durable, lastOffset } of boots.values()) {
        const seen = this.#atCheckpoint.get(keyOf(device, boot)) ?? null;
        if (lastOffset < begin || (seen ?? -1) >= durable) continue;
        const isTold = lost.some(
          (one) => one.device === device && one.boot === boot && one.to >= durable,
        );
        if (!isTold) lost.push({ device, boot, from: seen, to: durable, offset: lastOffset });
      }
    }
    return lost;
  }
}

function keyOf(device: string, boot: number): string {
  return `${boot} ${device}`;
}

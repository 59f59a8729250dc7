// How long the oldest of what Kafka has not yet has waited, for one lane: marks of when the journal was synced how far, a second apart.
//
//     passed by Kafka │ since 10:00:01 │ since 10:00:02 │ since 10:00:07 …
//                     position         end              end
//
// Bounded: where there are too many, two become one with the older time, and new ones are as far apart; so an age is never too small.

interface Mark {
  end: number;
  sinceMs: number;
}

const coarseMs = 1_000;
const marksMax = 4_096;

export class Ages {
  #marks: Mark[] = [];
  #apartMs = coarseMs;

  /** Events that end below `end` wait since then. */
  note(end: number, sinceMs: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined) this.#apartMs = coarseMs;
    if (last !== undefined && sinceMs - last.sinceMs < this.#apartMs)
      last.end = Math.max(last.end, end);
    else this.#marks.push({ end, sinceMs });
    if (this.#marks.length > marksMax) this.#thin();
  }

  /** Kafka has everything below it. */
  passed(end: number): void {
    let count = 0;
    while ((this.#marks[count]?.end ?? Number.POSITIVE_INFINITY) <= end) count++;
    if (count > 0) this.#marks.splice(0, count);
  }

  /** Nothing waits, whatever the marks say: the last record that was synced may be none for Kafka. */
  clear(): void {
    this.#marks = [];
  }

  /** Null where nothing waits. */
  get sinceMs(): number | null {
    return this.#marks[0]?.sinceMs ?? null;
  }

  #thin(): void {
    const thinned: Mark[] = [];
    for (let at = 0; at < this.#marks.length; at += 2) {
      const first = this.#marks[at]!;
      thinned.push({ end: (this.#marks[at + 1] ?? first).end, sinceMs: first.sinceMs });
    }
    this.#marks = thinned;
    this.#apartMs *= 2;
  }
}

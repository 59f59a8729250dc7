// A set of seqs as ascending ranges, neighbours joined: what came in order is one range, however much came.

export class Ranges {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  /** Seqs in it. */
  size = 0;

  /** Of the range that holds it the end, else null. */
  endOf(seq: number): number | null {
    const at = this.#before(seq);
    return at >= 0 && seq < this.#to[at]! ? this.#to[at]! : null;
  }

  has(seq: number): boolean {
    return this.endOf(seq) !== null;
  }

  /** How many of [from, to) were not in it before. */
  add(from: number, to = from + 1): number {
    if (to <= from) return 0;
    const sizeBefore = this.size;
    // The first range that touches, and behind the last that does.
    let first = this.#before(from);
    if (first < 0 || this.#to[first]! < from) first++;
    let end = first;
    while (end < this.#from.length && this.#from[end]! <= to) end++;
    let [low, high] = [from, to];
    if (end > first) {
      low = Math.min(from, this.#from[first]!);
      high = Math.max(to, this.#to[end - 1]!);
    }
    for (let at = first; at < end; at++) this.size -= this.#to[at]! - this.#from[at]!;
    this.size += high - low;
    this.#from.splice(first, end - first, low);
    this.#to.splice(first, end - first, high);
    return this.size - sizeBefore;
  }

  /** How many of [from, to) are in it. */
  count(from: number, to: number): number {
    let found = 0;
    for (let at = Math.max(0, this.#before(from)); at < this.#from.length; at++) {
      if (this.#from[at]! >= to) break;
      found += Math.max(0, Math.min(to, this.#to[at]!) - Math.max(from, this.#from[at]!));
    }
    return found;
  }

  *[Symbol.iterator](): Generator<[from: number, to: number]> {
    for (const [at, from] of this.#from.entries()) yield [from, this.#to[at]!];
  }

  /** The last range that begins at `seq` or before; −1: none. */
  #before(seq: number): number {
    let low = 0;
    let high = this.#from.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#from[middle]! <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

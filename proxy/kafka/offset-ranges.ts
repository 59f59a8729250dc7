// Which offsets of a partition were resent: ranges as the notes say them, in any order and perhaps overlapping.

export class OffsetRanges {
  #ranges: [from: number, to: number][] = [];
  #isSorted = true;

  add(ranges: readonly [from: number, to: number][]): void {
    for (const [from, to] of ranges) this.#ranges.push([from, to]);
    this.#isSorted = false;
  }

  has(offset: number): boolean {
    if (!this.#isSorted) this.#merge();
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]![1] <= offset) low = middle + 1;
      else high = middle;
    }
    const range = this.#ranges[low];
    return range !== undefined && range[0] <= offset;
  }

  /** Behind one another: neighbours become one. */
  #merge(): void {
    const merged: [number, number][] = [];
    for (const [from, to] of this.#ranges.sort((a, b) => a[0] - b[0])) {
      const last = merged.at(-1);
      if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
      else merged.push([from, to]);
    }
    this.#ranges = merged;
    this.#isSorted = true;
  }
}

// A batch that Kafka refuses for its content is looked through in halves, down to one journal record, whose records
// are then sent apart, until those that are to blame are dead letters. KAFKA.md [K-33], [K-37]

import type { Located, Position } from '../journal/record.js';
import type { Batch } from './feed.js';

/** Why a record is a dead letter, and whether only the beginning of its value goes along. */
export interface Letter {
  why: string;
  isCut: boolean;
}

/** What a refusal leads to: another look, a letter that must be cut first, or a lane that waits. */
export type Blame = 'again' | 'cut' | 'hold';

export interface Poison {
  /** Journal records that a batch may hold now. */
  readonly blocksMax: number;
  /** Whether the batch's records are to be sent apart. */
  isApart(batch: Batch): boolean;
  /** The dead letters among a journal record's Kafka records, by their place in it. */
  letters(located: Located): ReadonlyMap<number, Letter>;
  /** The batch was refused; `record`: which of its records, where they were sent apart. */
  refused(batch: Batch, why: string, record: number | undefined): Blame;
  /** What was committed; what is behind the trouble goes in full batches again. */
  committed(position: Position): void;
}

const none: ReadonlyMap<number, Letter> = new Map();

export function createPoison(): Poison {
  return new Search();
}

class Search implements Poison {
  blocksMax = Number.POSITIVE_INFINITY;
  /** End of the batch that was refused first: behind it batches are full again. */
  #end = 0;
  /** The journal record that was refused alone. */
  #alone: { offset: number; letters: Map<number, Letter> } | null = null;

  isApart({ blocks }: Batch): boolean {
    return blocks.length === 1 && blocks[0]?.offset === this.#alone?.offset;
  }

  letters(located: Located): ReadonlyMap<number, Letter> {
    return this.#alone?.offset === located.offset ? this.#alone.letters : none;
  }

  refused(batch: Batch, why: string, record: number | undefined): Blame {
    const { blocks, position } = batch;
    this.#end = Math.max(this.#end, position.end);
    this.blocksMax = Math.max(1, Math.floor(blocks.length / 2));
    const [first] = blocks;
    if (blocks.length > 1 || first === undefined) return 'again';
    if (this.#alone?.offset !== first.offset) {
      this.#alone = { offset: first.offset, letters: new Map() };
      return 'again';
    }
    const { letters } = this.#alone;
    const letter = record === undefined ? undefined : letters.get(record);
    if (record === undefined || letter?.isCut === true) {
      // The letter too: from the beginning, once more, since either may be mended.
      letters.clear();
      return 'hold';
    }
    letters.set(record, { why: letter?.why ?? why, isCut: letter !== undefined });
    return letter === undefined ? 'again' : 'cut';
  }

  committed(position: Position): void {
    if (this.#alone !== null && this.#alone.offset < position.end) this.#alone = null;
    if (position.end >= this.#end) this.blocksMax = Number.POSITIVE_INFINITY;
  }
}

// A batch that Kafka refuses for its content is looked through in halves, down to the one journal
// record that is to blame. KAFKA.md [K-33]

import type { Located, Position } from '../journal/record.js';
import type { Batch } from './feed.js';

export interface Poison {
  /** Journal records that a batch may hold now. */
  readonly blocksMax: number;
  /** Why this record goes to the dead letters; null: it goes its own way. */
  letterFor(located: Located): string | null;
  /** The batch was refused. The answer: the record to blame, once it is alone. */
  refused(batch: Batch, why: string): Located | null;
  /** Whether a dead letter was among what was committed. */
  committed(position: Position): boolean;
}

export function createPoison(): Poison {
  return new Search();
}

class Search implements Poison {
  blocksMax = Number.POSITIVE_INFINITY;
  /** End of the batch that was refused first: behind it batches are full again. */
  #end = 0;
  #letter: { offset: number; why: string } | null = null;

  letterFor(located: Located): string | null {
    return this.#letter?.offset === located.offset ? this.#letter.why : null;
  }

  refused(batch: Batch, why: string): Located | null {
    const { blocks, position } = batch;
    this.#end = Math.max(this.#end, position.end);
    this.blocksMax = Math.max(1, Math.floor(blocks.length / 2));
    const alone = blocks.length === 1 ? (blocks[0] ?? null) : null;
    this.#letter = alone === null ? null : { offset: alone.offset, why };
    return alone;
  }

  committed(position: Position): boolean {
    const lettered = this.#letter !== null && this.#letter.offset < position.end;
    if (lettered) this.#letter = null;
    if (position.end >= this.#end) this.blocksMax = Number.POSITIVE_INFINITY;
    return lettered;
  }
}

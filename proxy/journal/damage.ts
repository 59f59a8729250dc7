// What is unreadable in a journal and is passed over ([J-33]): said to whoever opened or reads it.

export interface Damage {
  /** The file's path. */
  file: string;
  what: 'record' | 'segment-header' | 'checkpoint';
  /** The stretch that is passed over, in the journal's offsets; of a checkpoint 0. */
  offset: number;
  end: number;
}

export type OnDamage = (damage: Damage) => void;

/** One line for a person. */
export function damageText({ file, what, offset, end }: Damage): string {
  switch (what) {
    case 'record':
      return (
        `${file}: ${end - offset} bytes at offset ${offset} are damaged and passed over; what ` +
        'events they held goes to the loss topic as soon as their neighbours tell'
      );
    case 'segment-header':
      return `${file}: a bit of its header is flipped; it is read all the same`;
    case 'checkpoint':
      return `${file} can't be read (torn by a crash, or damaged); the other one is used`;
  }
}

// Between block and frame: where sealed blocks wait for their acknowledgement. A store keeps them in order and gives their bytes
// back unchanged. It may drop a block by its policy: seqs that lie in no block are the lost ones, so a loss needs no
// room and neighbouring losses are one. It never throws once it is made.
//
// The priority is the block's, [W-52]; a store may keep it without looking at it.
//
//   entry   │ priority, 1 byte │ its size, 1 │ first seq, 4 │ count, 2 │ block │        big-endian

export interface Store {
  /** What `send()` answers for an event that is kept here. */
  readonly kind: 'ram' | 'flash';
  /** Bytes of an entry that it takes without dropping any. */
  room(): number;
  /** Takes an entry of so many events, of which it keeps a copy. Returns how many it dropped for it, or of it. */
  append(entry: Uint8Array, events: number): number;
  /** Finds the first block that reaches beyond `seq`; returns its first seq, and `end` where there is none. */
  find(seq: number, end: number): number;
  /** Writes count and bytes of the block that was found, as DATA carries them; returns the seq behind its last. */
  put(): number;
  /** Forgets the blocks that lie wholly below `seq`. */
  forget(seq: number): void;
}

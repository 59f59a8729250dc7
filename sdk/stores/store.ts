// Between block and frame: where sealed blocks wait for their acknowledgement. A store keeps them in order and gives them back
// unchanged; it may drop them by its policy, but then keeps a range of lost events in their place, so that every seq
// from a boot's lowest to its next is either in a block or in a range. It never throws once it is made.

/** A boot that the store holds, and how far it has come. */
export interface Boot {
  /** Its number; null until a proxy names it. */
  boot: number | null;
  /** The first seq that is held; what lies below is forgotten. */
  lowest: number;
  /** The next seq to be numbered. */
  next: number;
  /** The next seq to be sent. */
  sent: number;
  /** The highest seq ever sent, plus one. */
  high: number;
  /** A block is sent when its first seq is below. */
  limit: number;
}

/** A block or a range of lost events as the store holds it. The store has one, and overwrites it at the next read. */
export interface Entry {
  first: number;
  count: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

export interface Store {
  /** What `send()` answers for an event that is kept here. */
  readonly kind: 'ram' | 'flash';
  /** Flags that it adds to HELLO. */
  readonly flags: number;
  /** The boots it holds, oldest first; the running one is always there, and last. */
  readonly boots: [Boot, ...Boot[]];
  /** Accepted events that were given up for newer ones. */
  dropped: number;
  /** Bytes that the next block of the running boot may have. */
  room(): number;
  /** Takes the next block of the running boot: the first `length` bytes, which are not above `room()`. */
  append(count: number, bytes: Uint8Array, length: number): void;
  /** Notes that the running boot's next seq is lost. */
  lose(reason: number): void;
  /** The entry of a boot that holds `seq`, or the first one behind it. */
  read(boot: Boot, seq: number): Entry | undefined;
  /** Forgets the entries of a boot that lie wholly below `seq`, and raises its `lowest`. */
  forget(boot: Boot, seq: number): void;
}

// A way to a proxy that carries bytes in order: a serial line, a socket, or whatever the host provides. docs/LINKS.md shows
// how to write one, and `headwater/link-conformance` tries it. Nothing of it throws: what fails is a `down`. It calls back
// after `open`, `write` and `close` have returned, never from inside them.

/** What a link tells its producer. After `close()`, and for a connection that is no more, it tells nothing. */
export interface LinkEvents {
  /** Bytes can be written. Once for each opening. */
  up(): void;
  /** The link is closed, or could not be opened. Once; nothing comes behind it. */
  down(): void;
  /** Bytes that came. The producer does not keep the array. */
  data(bytes: Uint8Array): void;
  /** After `write` took less than it was given: it takes bytes again. */
  ready(): void;
}

export interface Link {
  open(events: LinkEvents): void;
  /** Takes as many of the bytes as it can and returns their number. It may not keep the array: it is written anew. */
  write(bytes: Uint8Array): number;
  close(): void;
}

import { BLOCK_BYTES_MAX, BUFFER_BYTES_MIN, ENTRY_HEAD_BYTES } from './limits.js';
import type { Link } from './links/link.js';
import { ram } from './stores/ram.js';
import type { Store } from './stores/store.js';
import { declared, type Stream } from './stream.js';

// What a firmware chose: set once by producer(), read by block and session.

export interface ProducerOptions {
  /** The device's name, 1 to 64 characters of ASCII; the Kafka key. */
  device: string;
  link: Link;
  /** RAM for events, 64 or more, 1,024 unless told; a quarter of it, at most 224, is the block that is being filled. */
  bufferBytes?: number;
  /** Where sealed blocks are kept; RAM unless told. */
  store?: Store;
  /** How long an event waits for others in the same block while there is a session; 1,000. */
  lingerMs?: number;
  /** How long an answer is awaited before the device asks; 5,000. */
  ackTimeoutMs?: number;
  /** The first wait before the link is opened again, 500; it doubles up to 64 times as long. */
  retryBackoffMs?: number;
  /** HELLO's flags, as in wire.ts. */
  flags?: number;
}

export let options: ProducerOptions;
export let store: Store;
/** Where the open block is written, behind the head of its entry. */
export let buffer: Uint8Array;
/** The table: what was declared when producer() was called. */
export let streams: readonly Stream[];

export const choose = (chosen: ProducerOptions): void => {
  const bufferBytes = chosen.bufferBytes ?? 1024;
  if (options || !/^[ -~]{1,64}$/.test(chosen.device) || bufferBytes < BUFFER_BYTES_MIN)
    throw Error('one producer, device 1-64 ASCII, bufferBytes 64+');
  options = chosen;
  const blockBytes = Math.min(bufferBytes >> 2, BLOCK_BYTES_MAX);
  buffer = new Uint8Array(ENTRY_HEAD_BYTES + blockBytes);
  store = chosen.store ?? ram(bufferBytes - blockBytes);
  streams = declared.slice();
};

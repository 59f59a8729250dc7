import { BLOCK_BYTES_MAX, BUFFER_BYTES_MIN, ENTRY_HEAD_BYTES } from './limits.js';
import type { Link } from './links/link.js';
import { ram } from './stores/ram.js';
import type { Store } from './stores/store.js';
import { declared, type Stream } from './stream.js';
import { identify } from './table-id.js';

// What a firmware chose: set once by producer(), read by block and session.

export interface ProducerOptions {
  /** The device's name, 1 to 64 characters of ASCII; the Kafka key. */
  device: string;
  link: Link;
  /** RAM for events, 64 or more, 1,024 unless told; a quarter of it, at most 216, is the block that is being filled. */
  bufferBytes?: number;
  /** Where sealed blocks are kept; RAM unless told. */
  store?: Store | undefined;
  /** How long an event waits for others in the same block while there is a session; 1,000. */
  lingerMs?: number;
  /** How long an answer is awaited before the device asks; 5,000. */
  ackTimeoutMs?: number;
  /** The first wait before the link is opened again, 500; it doubles up to 64 times as long. */
  retryBackoffMs?: number;
}

export let options: ProducerOptions;
export let store: Store;
/** Where the open block is written, behind the head of its entry. */
export let buffer: Uint8Array;
/** The table's streams: what was declared when producer() was called. */
export let streams: readonly Stream[];

export const choose = (chosen: ProducerOptions): void => {
  const bufferBytes = chosen.bufferBytes ?? 1024;
  const device = chosen.device;
  // Compared, since what is no text would be made one; not `<`, since NaN is below nothing. Espruino's patterns know no {1,64}.
  if (
    options ||
    `${/^[ -~]+$/.exec(device)}` !== device ||
    device.length > 64 ||
    !(bufferBytes >= BUFFER_BYTES_MIN)
  )
    throw Error('once; device 1-64 ASCII, buffer 64+');
  const blockBytes = Math.min(bufferBytes >> 2, BLOCK_BYTES_MAX);
  streams = declared.slice();
  identify(streams);
  options = chosen;
  buffer = new Uint8Array(ENTRY_HEAD_BYTES + blockBytes);
  store = chosen.store || ram(bufferBytes - blockBytes);
};

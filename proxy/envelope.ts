import { CHANNEL } from '../sdk/wire.js';
import { CborReader, writeItem } from './cbor.js';
import { crc32 } from './crc32.js';

// CHANNEL, PROTOCOL.md §10: many lines over one connection, each frame in an envelope that names its channel. The
// frame inside is not looked into; it has its own check.

export interface Envelope {
  channel: number;
  /** As it came on its line: body and check. Empty: the line behind the channel was opened anew ([W-54]). */
  frame: Uint8Array;
}

export const channelMax = 65_535;
/** What an envelope adds to its frame, at most: type, channel, check16. */
export const envelopeBytesMax = 6;

export function isEnvelope(frame: Uint8Array): boolean {
  return frame[0] === CHANNEL;
}

/** Before COBS. */
export function encodeEnvelope({ channel, frame }: Envelope): Uint8Array {
  const head: number[] = [];
  writeItem(head, CHANNEL);
  writeItem(head, channel);
  const check = check16(Uint8Array.from(head));
  return Uint8Array.from([...head, check >> 8, check & 0xff, ...frame]);
}

/** Null where the head is broken: the frame inside belongs to nobody. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | null {
  const reader = new CborReader(bytes);
  reader.uint(CHANNEL, 'type');
  const channel = reader.uint(channelMax, 'channel');
  const { at } = reader;
  if (reader.broken !== null || at + 2 > bytes.length) return null;
  const said = bytes[at]! * 256 + bytes[at + 1]!;
  return said === check16(bytes.subarray(0, at))
    ? { channel, frame: bytes.subarray(at + 2) }
    : null;
}

/** [W-43] */
function check16(head: Uint8Array): number {
  return crc32(head) & 0xffff;
}

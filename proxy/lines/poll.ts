import { END, POLL } from '../../sdk/wire.js';
import { CborReader, writeItem } from '../cbor.js';
import { encodeFrame, framesOf } from '../frame.js';

// POLL and END, PROTOCOL.md §14: who may speak on a bus, and when it has spoken.

/** Numbers go round below it, so that each takes one byte. */
export const pollNumbers = 24;
/** [W-50] The largest frame fits a grant. */
export const grantBytesLeast = 2_304;

/** Body and check, before COBS. */
export function encodePoll(number: number, granted: number): Uint8Array {
  const body: number[] = [];
  for (const item of [POLL, number, granted]) writeItem(body, item);
  return framesOf(encodeFrame(Uint8Array.from(body)))[0]!;
}

/** Null where the body is no END. */
export function decodeEnd(body: Uint8Array): { number: number; more: boolean } | null {
  if (body[0] !== END) return null;
  const reader = new CborReader(body);
  reader.uint(END, 'type');
  const number = reader.uint(pollNumbers - 1, 'number');
  const more = reader.uint(1, 'more') === 1;
  return reader.broken === null ? { number, more } : null;
}

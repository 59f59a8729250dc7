import { at, integer, put, putBytes, writeTo } from './cbor.js';
import { after, cancel, clock, crc32 } from './engine.js';
import { ENTRY_HEAD_BYTES, SCALED_MAX, SLOTS } from './limits.js';
import { buffer, options, store, streams } from './options.js';
import { ready, state } from './session.js';
import { READY } from './state.js';
import type { Store } from './stores/store.js';
import { ABSENT, type Stream, writers } from './stream.js';
import { LOST_OVERFLOW, LOST_REFUSED } from './wire.js';

// send() → block → store: events of one boot, encoded once into one buffer as they come (PROTOCOL.md §5). When it is full,
// or `lingerMs` old while there is a session, it goes to the store and the buffer begins anew. Every call of `send` has a seq:
// one that is refused leaves it in no block, and what lies in no block is lost. Nothing here throws.
//
//   acknowledged ≤ sent ≤ sealed = next − count ≤ next

/** What took the event; false: nothing did, and its loss is reported in its place. */
export type Taken = Store['kind'] | false;

/** Writes an event that happened `elapsed` ms behind the block's first; false or throwing: it can't be encoded. */
export type EventWriter<Subject, Value> = (
  subject: Subject,
  value: Value,
  elapsed: number,
) => boolean;

/**
 * Writes what a block begins with at this uptime. Returns 1 where there is more than must be: if the event does not fit behind
 * it the block begins once more, and then that must not be written again. Else 0.
 */
export type BeginWriter = (uptime: number) => unknown;

/** The next seq: how often `send` was called. */
export let next = 0;
/** Everything below this seq is in the store or lost, and may be sent. */
export let sealed = 0;
/** Events that `send` did not take. */
export let refused = 0;
/** Events that were taken, and given up since the store was full. */
export let dropped = 0;
/** Why the newest lost event was lost, as wire.ts numbers it. */
export let lossReason = LOST_OVERFLOW;
/** [W-4] CRC-32 of the block with seq 0; 0 until it is sealed. */
export let fingerprint = 0;
/** Values sent as absent because they lay out of range. */
export let outOfRange = 0;

/** An object, since not every engine has arrays with holes. */
let last: Record<number, number>;
let count = 0;
/** Where its last event ends. */
let length: number;
let base: number;
let timer: unknown;
let begin: BeginWriter = integer;
let began: unknown;

/** Takes an event: by a declared stream, or by a writer. */
export let send = <Subject, Value>(
  subject: Subject,
  value: Value,
  write: EventWriter<Subject, Value>,
): Taken => {
  const now = clock();
  const outOfRangeBefore = outOfRange;
  writeTo(buffer, count ? length : ENTRY_HEAD_BYTES);
  if (!count) {
    last = {};
    base = now;
    began = begin(now);
  }
  try {
    if (write(subject, value, now - base) && at <= buffer.length) {
      length = at;
      next++;
      if (!count++) timer = after(linger, options.lingerMs ?? 1000);
      return store.kind;
    }
  } catch {
    // What can't be encoded is refused below.
  }
  // What is written again is counted again. A writer that failed has spoiled the changes: whatever follows begins a block.
  outOfRange = outOfRangeBefore;
  if (count || began) {
    seal();
    return send(subject, value, write);
  }
  next++;
  refused++;
  lossReason = LOST_REFUSED;
  seal();
  return false;
};

/** Has a function see each event on its way to what took it before. */
export const sendThrough = (wrap: (earlier: typeof send) => typeof send): void => {
  send = wrap(send);
};

/** The change of a number since this slot had one before in the same block; 0 stands there at first. */
export const change = (slot: number, value: number): number => {
  const before = last[slot] || 0;
  last[slot] = value;
  return value - before;
};

export const writeDeclared: EventWriter<Stream, Record<string, unknown>> = (
  stream,
  values,
  elapsed,
) => {
  let slot = stream.index * SLOTS;
  // [W-16] The change of the interval, and the stream, in one number.
  integer(change(slot - 1, change(slot, elapsed)) * streams.length + stream.index);
  for (const name in stream.fields) {
    const type = stream.fields[name]!;
    const value = values[name];
    slot++;
    if (writers[type]) writers[type](value as never);
    else {
      // `uint` is 16, so that its scale is 10^0.
      const scaled = Math.round(((value ?? NaN) as number) * 10 ** (type % 16));
      if (scaled <= SCALED_MAX && scaled >= (type < 16 ? -SCALED_MAX : 0)) {
        integer(change(slot, scaled));
      } else {
        put(ABSENT);
        // A NaN, of a sensor that failed, is not more than absent.
        if (scaled <= Infinity) outOfRange++;
      }
    }
  }
  return streams[stream.index] === stream;
};

/** Has a function write what stands in front of a block's uptime, PROTOCOL.md §5, and of what was named earlier. */
export const beginWith = (write: () => number): void => {
  const behind = begin;
  begin = (uptime) => write() | (behind(uptime) as number);
};

/** Gives the block to the store; what is there may be sent. */
export const seal = (): void => {
  if (count) {
    cancel(timer);
    // The byte before is the block's priority.
    writeTo(buffer, 1);
    put(length);
    putBytes(next - count, 4);
    putBytes(count, 2);
    if (next === count) fingerprint = crc32(buffer, ENTRY_HEAD_BYTES, length);
    const gone = store.append(buffer.subarray(0, length), count);
    if (gone) lossReason = LOST_OVERFLOW;
    dropped += gone;
    count = 0;
  }
  sealed = next;
  ready();
};

/** The block is `lingerMs` old. Without a session it waits for more events: less bytes hold more of them. */
let linger = (): unknown => state === READY && seal();

/** For a persistent store: what waits in RAM is in the store after `lingerMs`, with a session or without. */
export const lingerOffline = (): void => {
  linger = seal;
};

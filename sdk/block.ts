import { at, head, integer, put, writeTo } from './cbor.js';
import { ABSENT, type Stream } from './stream.js';
import { SCALED_MAX } from './wire.js';

// The open block, PROTOCOL.md §5: events of one boot, encoded once into one buffer as they come. When it is full it
// goes to the store and the buffer begins anew. An event that does not fit, or whose writer throws, leaves the bytes before
// it whole and the changes' state spoiled: the block must be sealed before the next one, which it must in any case.

/** Writes one event behind `elapsed` ms since the block's first; false or throwing: it can't be encoded. */
export type EventWriter<Subject, Value> = (
  block: Block,
  elapsed: number,
  subject: Subject,
  value: Value,
) => boolean;

export interface Block {
  readonly bytes: Uint8Array;
  /** Per stream its time, its interval and its fields' last values; undeclared events have slots 0 and 1. */
  readonly state: number[];
  /** The table. */
  readonly streams: readonly Stream[];
  /** Events in it. */
  count: number;
  /** Bytes of them. */
  length: number;
  /** Uptime of the first, ms. */
  base: number;
  /** Values that were sent as absent because they lay out of range. */
  outOfRange: number;
}

/** Adds an event unless the block would then exceed `limit` bytes. */
export function add<Subject, Value>(
  block: Block,
  limit: number,
  uptime: number,
  write: EventWriter<Subject, Value>,
  subject: Subject,
  value: Value,
): boolean {
  writeTo(block.bytes, block.length);
  if (!block.count) {
    block.state.fill(0);
    writeTo(block.bytes, 0);
    block.base = uptime;
    head(0, uptime);
  }
  try {
    if (!write(block, uptime - block.base, subject, value) || at > limit) return false;
  } catch {
    return false;
  }
  block.count++;
  block.length = at;
  return true;
}

/** [W-16] The change of the interval of whatever has its time at `slot`. */
export function intervalChange({ state }: Block, slot: number, elapsed: number): number {
  const interval = elapsed - state[slot]!;
  const change = interval - state[slot + 1]!;
  state[slot] = elapsed;
  state[slot + 1] = interval;
  return change;
}

export const writeDeclared: EventWriter<Stream, Record<string, unknown>> = (
  block,
  elapsed,
  stream,
  values,
) => {
  const { streams, state } = block;
  integer(intervalChange(block, stream.slot, elapsed) * streams.length + stream.index);
  stream.names.forEach((name, index) => {
    const { type, write } = stream.fields[index]!;
    const value = values[name];
    if (write) write(value as never);
    else {
      // `uint` is 16, so that its scale is 10^0.
      const scaled = typeof value === 'number' ? Math.round(value * 10 ** (type % 16)) : NaN;
      if (Math.abs(scaled) <= SCALED_MAX && (scaled >= 0 || type < 16)) {
        const slot = stream.slot + 2 + index;
        integer(scaled - state[slot]!);
        state[slot] = scaled;
      } else {
        put(ABSENT);
        if (!Number.isNaN(scaled)) block.outOfRange++;
      }
    }
  });
  return streams[stream.index] === stream;
};

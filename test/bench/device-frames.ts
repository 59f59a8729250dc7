// The frames that a device would send, made before the clock starts, so that a load costs its process nothing but the socket: blocks of
// one stream with three readings, in the SDK's own form (PROTOCOL.md §5).

import { encode } from 'cbor-x';
import { tableId } from '../../proxy/table.js';

export const stream = 'climate';

/** `climate { t: fixed(2), rh: fixed(2), mbar: fixed(1) }` */
export const tableBytes = Uint8Array.from([
  ...text(stream),
  ...[...text('t'), 2],
  ...[...text('rh'), 2],
  ...[...text('mbar'), 1],
]);
export const table = tableId(tableBytes);

/** Events every 100 ms of the device's clock, their readings in a walk of small steps. */
export function blockOf(first: number, count: number): number[] {
  const uptime = 1_000 + first * 100;
  const out = items(uptime, 0, 2_150, 4_025, 10_132);
  for (let at = 1; at < count; at++) {
    const step = ((first + at) * 7) % 11;
    // The second one brings the interval, 100 ms; from then on it stays.
    out.push(...items(at === 1 ? 100 : 0, step - 5, (step * 3) % 7, (step % 3) - 1));
  }
  return out;
}

export const tableBody = Uint8Array.from([...items(3, 0, 0), ...tableBytes]);

/** DATA of `count` events from `first` on. */
export function dataBody(boot: number, first: number, count: number): Uint8Array {
  const uptime = 1_000 + (first + count) * 100;
  return Uint8Array.from([...items(4, boot, uptime, 0, first, count), ...blockOf(first, count)]);
}

function items(...integers: number[]): number[] {
  return integers.flatMap((integer) => [...encode(integer)]);
}

function text(value: string): number[] {
  return [...encode(value)];
}

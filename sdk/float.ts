import { put, putBytes } from './cbor.js';
import { ABSENT, type Field, writers } from './stream.js';

// Floats in the shortest of CBOR's three widths that keeps the value, PROTOCOL.md §4. NaN is absent. By arithmetic that is exact in
// every engine, doubling and halving, since the smallest have no DataView; a power beyond the ninth is not exact on Espruino.

export const putFloat = (value: unknown): void => {
  if (typeof value !== 'number' || !(value <= Infinity)) {
    put(ABSENT);
    return;
  }
  let units = Math.abs(value);
  let exponent = 0;
  const infinite = units === Infinity;
  // A half's infinity is what would follow its largest number.
  if (infinite) {
    units = 1;
    exponent = 16;
  }
  for (; units >= 2; exponent++) units /= 2;
  for (; units < 1 && exponent > -1022; exponent--) units *= 2;
  /** Writes the value, where it fits, in two parts of `size` bytes; `step`: how many steps of the first part the exponent goes in. */
  const fits = (kind: number, size: number, least: number, step: number): boolean => {
    const low = 256 ** size;
    let whole = units * step * low;
    for (let power = exponent; power < least; power++) whole /= 2;
    if ((exponent > 1 - least && !infinite) || whole !== Math.floor(whole)) return false;
    put(kind);
    const sign = value < 0 || 1 / value < 0 ? 4 - 2 * least : 0;
    // The leading 1 of `whole` is not written: it adds 1 to the exponent.
    putBytes((Math.max(exponent - least, 0) + sign) * step + Math.floor(whole / low), size);
    putBytes(whole % low, size);
    return true;
  };
  fits(249, 1, -14, 4) || fits(250, 2, -126, 128) || fits(251, 4, -1022, 1048576);
};

/** A field of floating-point numbers. */
export const float: Field<number> = 18;
writers[float] = putFloat;

import { put, putBytes } from './cbor.js';
import { ABSENT, type Field, writers } from './stream.js';

// Floats in the shortest of CBOR's three widths that keeps the value, PROTOCOL.md §4. NaN is absent.

const view = new DataView(new ArrayBuffer(8));

const putDouble = (value: number): void => {
  view.setFloat64(0, value);
  put(251);
  putBytes(view.getUint32(0), 4);
  putBytes(view.getUint32(4), 4);
};

export const putFloat = (value: unknown): void => {
  if (typeof value !== 'number' || !(value <= Infinity)) put(ABSENT);
  else {
    view.setFloat32(0, value);
    const bits = view.getUint32(0);
    const exponent = Math.max(((bits >>> 23) & 255) - 127, -14);
    // A half has 11 significant bits; below 2^-14 its unit is 2^-24.
    let units = Math.abs(value);
    // Doubled, since a power beyond the ninth is not exact on Espruino.
    for (let power = exponent; power < 10; power++) units *= 2;
    for (let power = exponent; power > 10; power--) units /= 2;
    const infinite = exponent > 127;
    if (infinite && view.getFloat32(0) !== value) putDouble(value);
    else if (infinite || (exponent < 16 && units === Math.floor(units))) {
      put(249);
      putBytes(((bits >>> 31) << 15) + (infinite ? 0x7c00 : ((exponent + 14) << 10) + units), 2);
    } else if (view.getFloat32(0) === value) {
      put(250);
      putBytes(bits, 4);
    } else putDouble(value);
  }
};

/** A field of floating-point numbers. */
export const float: Field<number> = 18;
writers[float] = putFloat;

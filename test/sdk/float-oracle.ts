// What PROTOCOL.md §4 wants of a float: the shortest of three widths that keeps the value. It knows every half, has Math.fround for
// singles, and Node's DataView for their bytes.

/** The value of each half by its definition, IEEE 754 binary16. */
function halfValue(bits: number): number {
  const fraction = bits & 1023;
  const exponent = (bits >> 10) & 31;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

export const halves = new Map<number, number>();
for (let bits = 0; bits < 65536; bits++) halves.set(halfValue(bits), bits);

export function encoded(value: number): string {
  const bytes = Buffer.alloc(9);
  // A Map takes −0 for 0.
  const half = Object.is(value, -0) ? 0x8000 : value === 0 ? 0 : halves.get(value);
  if (half !== undefined) {
    bytes[0] = 0xf9;
    bytes.writeUInt16BE(half, 1);
    return bytes.toString('hex', 0, 3);
  }
  if (Math.fround(value) === value) {
    bytes[0] = 0xfa;
    bytes.writeFloatBE(value, 1);
    return bytes.toString('hex', 0, 5);
  }
  bytes[0] = 0xfb;
  bytes.writeDoubleBE(value, 1);
  return bytes.toString('hex');
}

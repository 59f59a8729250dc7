import type { Value } from '../../proxy/cbor.js';

// CBOR as a hostile device writes it: heads of any size, and of any number. Shares nothing with the reader that is fuzzed.

/** In the shortest head, or in one of so many bytes behind its first. */
export function head(major: number, value: number | bigint, size?: 0 | 1 | 2 | 4 | 8): Uint8Array {
  const wide = BigInt(value);
  const least = wide < 24n ? 0 : wide < 0x100n ? 1 : wide < 0x10000n ? 2 : wide < 1n << 32n ? 4 : 8;
  const bytes = Math.max(least, size ?? 0);
  if (bytes === 0) return Uint8Array.of((major << 5) | Number(wide));
  const out = Buffer.alloc(1 + bytes);
  out[0] = (major << 5) | (24 + Math.log2(bytes));
  for (let at = 0; at < bytes; at++) out[bytes - at] = Number((wide >> BigInt(8 * at)) & 0xffn);
  return out;
}

export const uint = (value: number | bigint): Uint8Array => head(0, value);

export function integer(value: number | bigint): Uint8Array {
  return value < 0 ? head(1, -1n - BigInt(value)) : head(0, value);
}

export function text(value: string): Uint8Array {
  const bytes = Buffer.from(value);
  return Buffer.concat([head(3, bytes.length), bytes]);
}

export function float(value: number): Uint8Array {
  const out = Buffer.alloc(9, 0xfb);
  out.writeDoubleBE(value, 1);
  return out;
}

export const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** What `CborReader.value` read: numbers that are whole are integers here, floats are of eight bytes. */
export function encode(value: Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value) && Math.abs(value) <= 2 ** 53 && !Object.is(value, -0);
    return isWhole ? integer(value) : float(value);
  }
  if (typeof value === 'string') return text(value);
  if (value instanceof Uint8Array) return join(head(2, value.length), value);
  if (Array.isArray(value)) return join(head(4, value.length), ...value.map(encode));
  const map = value as ReadonlyMap<string, Value>;
  const entries = [...map].flatMap(([key, one]) => [text(key), encode(one)]);
  return join(head(5, map.size), ...entries);
}

// frame → cbor → message: a bounded reader of CBOR sequences (RFC 8742), and the few heads that the
// proxy writes. cbor-x is not used on what devices send: it takes indefinite lengths, heads that are
// not the shortest, duplicate keys, dates, shared references and broken UTF-8, and sets an array
// aside for as many items as four hostile bytes declare.
// Guarantee: reading never throws, never recurses deeper than it is told, and allocates no more than
// the bytes that are there. What is wrong makes the reader `broken`; all it gives then is 0 or empty.
// Floats of any width are taken: a device that misses the shortest one loses no event by it.

/** A value that describes itself. Integers beyond ±2⁵³ are bigints; undefined is read as null. */
export type Value =
  | number
  | bigint
  | boolean
  | null
  | string
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<string, Value>;

const INTEGER_MAX = 2 ** 53;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class CborReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  /** What was wrong first; null while all is well. */
  broken: string | null = null;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  /** Where the next item starts. */
  get at(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.broken !== null || this.#at >= this.#bytes.length;
  }

  /** Major type of the next item, −1 at the end. */
  get major(): number {
    return this.done ? -1 : this.#bytes[this.#at]! >>> 5;
  }

  fail(why: string): 0 {
    this.broken ??= why;
    return 0;
  }

  uint(max: number, what: string): number {
    if (this.major !== 0) return this.fail(`${what}: not an unsigned integer`);
    const value = this.#argument();
    return value <= max ? value : this.fail(`${what}: above ${max}`);
  }

  /** An integer of at most ±2⁵³. */
  integer(what: string): number {
    const major = this.major;
    if (major !== 0 && major !== 1) return this.fail(`${what}: not an integer`);
    const value = this.#argument();
    // Of −1 − 2⁵³ the engine would make −2⁵³.
    if (value > INTEGER_MAX - major) return this.fail(`${what}: beyond 2^53`);
    return major === 0 ? value : -1 - value;
  }

  text(bytesMax: number, what: string): string {
    const start = this.#stringStart(3, bytesMax, what);
    if (start < 0) return '';
    try {
      return utf8.decode(this.#bytes.subarray(start, this.#at));
    } catch {
      this.fail(`${what}: not UTF-8`);
      return '';
    }
  }

  /** A view of the reader's bytes, not a copy. */
  byteString(bytesMax: number, what: string): Uint8Array {
    const start = this.#stringStart(2, bytesMax, what);
    return this.#bytes.subarray(start < 0 ? this.#at : start, this.#at);
  }

  /** How many items follow; never more than there are bytes. */
  array(max: number, what: string): number {
    if (this.major !== 4) return this.fail(`${what}: not an array`);
    return this.#length(1, max, what);
  }

  /** Takes the next item if it is null. */
  absent(): boolean {
    if (this.done || this.#bytes[this.#at] !== 0xf6) return false;
    this.#at++;
    return true;
  }

  bool(what: string): boolean {
    const byte = this.done ? 0 : this.#bytes[this.#at]!;
    if (byte === 0xf4 || byte === 0xf5) this.#at++;
    else this.fail(`${what}: not a boolean`);
    return byte === 0xf5;
  }

  float(what: string): number {
    const byte = this.done ? 0 : this.#bytes[this.#at]!;
    const size = byte === 0xf9 ? 2 : byte === 0xfa ? 4 : byte === 0xfb ? 8 : 0;
    if (size === 0) return this.fail(`${what}: not a float`);
    const start = this.#at + 1;
    if (start + size > this.#bytes.length) return this.fail(`${what}: cut short`);
    this.#at = start + size;
    if (size === 8) return this.#view.getFloat64(start);
    return size === 4 ? this.#view.getFloat32(start) : half(this.#view.getUint16(start));
  }

  /** Any value nested at most `depth` deep. Tags and keys other than text are not spoken here. */
  value(depth: number, what: string): Value {
    switch (this.major) {
      case 0:
      case 1:
        return this.#anyInteger();
      case 2:
        return this.byteString(this.#bytes.length, what);
      case 3:
        return this.text(this.#bytes.length, what);
      case 4:
        return depth > 0 ? this.#list(depth, what) : this.fail(`${what}: nested too deep`);
      case 5:
        return depth > 0 ? this.#map(depth, what) : this.fail(`${what}: nested too deep`);
      case 7:
        return this.#simple(what);
      default:
        return this.fail(`${what}: ${this.done ? 'missing' : 'a tag'}`);
    }
  }

  #list(depth: number, what: string): Value {
    const values: Value[] = [];
    for (let left = this.array(this.#bytes.length, what); left > 0 && !this.broken; left--) {
      values.push(this.value(depth - 1, what));
    }
    return values;
  }

  #map(depth: number, what: string): Value {
    const entries = new Map<string, Value>();
    for (let left = this.#length(2, this.#bytes.length, what); left > 0 && !this.broken; left--) {
      const key = this.text(this.#bytes.length, `${what}, a key`);
      if (entries.has(key)) this.fail(`${what}: a key twice`);
      entries.set(key, this.value(depth - 1, what));
    }
    return entries;
  }

  #simple(what: string): Value {
    const byte = this.#bytes[this.#at]!;
    if (byte >= 0xf9 && byte <= 0xfb) return this.float(what);
    this.#at++;
    if (byte === 0xf4 || byte === 0xf5) return byte === 0xf5;
    if (byte === 0xf6 || byte === 0xf7) return null;
    return this.fail(`${what}: a simple value`);
  }

  #anyInteger(): number | bigint {
    const negative = this.major === 1;
    if (this.#bytes[this.#at]! % 32 === 27 && this.#at + 9 <= this.#bytes.length) {
      const wide = this.#view.getBigUint64(this.#at + 1);
      if (wide > BigInt(INTEGER_MAX - (negative ? 1 : 0))) {
        this.#at += 9;
        return negative ? -1n - wide : wide;
      }
    }
    const value = this.#argument();
    return negative ? -1 - value : value;
  }

  #length(bytesPerItem: number, max: number, what: string): number {
    const length = this.#argument();
    if (length > max) return this.fail(`${what}: more than ${max} items`);
    if (length * bytesPerItem <= this.#bytes.length - this.#at) return length;
    return this.fail(`${what}: more items than bytes`);
  }

  #stringStart(major: number, bytesMax: number, what: string): number {
    if (this.major !== major) {
      this.fail(`${what}: not ${major === 3 ? 'text' : 'bytes'}`);
      return -1;
    }
    const length = this.#argument();
    if (length > bytesMax) this.fail(`${what}: longer than ${bytesMax} bytes`);
    else if (length > this.#bytes.length - this.#at) this.fail(`${what}: cut short`);
    if (this.broken !== null) return -1;
    this.#at += length;
    return this.#at - length;
  }

  /** The argument of the head at hand; more than 2⁵³ is only known to be more. */
  #argument(): number {
    const info = this.#bytes[this.#at]! & 31;
    if (info < 24) {
      this.#at++;
      return info;
    }
    if (info > 27) return this.fail('an indefinite or reserved length');
    const size = 1 << (info - 24);
    const start = this.#at + 1;
    if (start + size > this.#bytes.length) return this.fail('a head cut short');
    this.#at = start + size;
    const value =
      size === 1
        ? this.#bytes[start]!
        : size === 2
          ? this.#view.getUint16(start)
          : size === 4
            ? this.#view.getUint32(start)
            : this.#view.getUint32(start) * 2 ** 32 + this.#view.getUint32(start + 4);
    const least = size === 1 ? 24 : 2 ** (4 * size);
    return value >= least ? value : this.fail('a head that is not the shortest');
  }
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Appends an item to `out` in preferred encoding: what WELCOME, ACK and RESET are made of. */
export function writeItem(out: number[], item: number | null | readonly Written[]): void {
  if (item === null) {
    out.push(0xf6);
  } else if (typeof item === 'number') {
    writeHead(out, 0, item);
  } else {
    writeHead(out, 4, item.length);
    for (const inner of item) writeItem(out, inner);
  }
}

type Written = number | null | readonly Written[];

function writeHead(out: number[], major: number, value: number): void {
  const type = major << 5;
  if (value < 24) out.push(type | value);
  else if (value < 0x100) out.push(type | 24, value);
  else if (value < 0x10000) out.push(type | 25, value >>> 8, value & 0xff);
  else if (value < 2 ** 32) out.push(type | 26, ...fourBytes(value));
  else out.push(type | 27, ...fourBytes(Math.floor(value / 2 ** 32)), ...fourBytes(value >>> 0));
}

function fourBytes(value: number): [number, number, number, number] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

// In the place of the globals Uint8Array and globalThis. Uint8Array for engines of ES5: their own, or, where there is none (MuJS), one over a plain array. Only what the SDK needs: its
// indices, length, set, subarray and forEach. A view's indices are accessors, which all arrays share, so that a byte is
// what it is in a Uint8Array: 0 to 255, and nothing beyond the end.

interface Bytes {
  length: number;
  /** The numbers, shared by all views of them, and where this view begins. */
  numbers: number[];
  start: number;
  [index: number]: number;
}

/** Indices that have accessors. */
let reach = 0;

function View(this: Bytes, numbers: number[], start: number, length: number): void {
  this.numbers = numbers;
  this.start = start;
  this.length = length;
}

const define = (index: number): void => {
  Object.defineProperty(View.prototype, index, {
    get(this: Bytes) {
      return index < this.length ? this.numbers[this.start + index] : undefined;
    },
    set(this: Bytes, value: number) {
      if (index < this.length) this.numbers[this.start + index] = value & 255;
    },
  });
};

const view = (numbers: number[], start: number, length: number): Bytes =>
  new (View as unknown as new (numbers: number[], start: number, length: number) => Bytes)(
    numbers,
    start,
    length,
  );

function Lent(source: number | ArrayLike<number>): Bytes {
  const list = typeof source === 'number' ? [] : source;
  const length = typeof source === 'number' ? source : source.length;
  // Behind the end too: a writer that ran over tells so by its place, and must not grow the array.
  while (reach < length + 64) define(reach++);
  const numbers: number[] = [];
  for (let index = 0; index < length; index++) numbers[index] = (list[index] || 0) & 255;
  return view(numbers, 0, length);
}

// So that `instanceof` says it of views.
Lent.prototype = View.prototype;

View.prototype.set = function (this: Bytes, source: ArrayLike<number>, at?: number): void {
  const from: number[] = [];
  // A copy first: the source may be a view of the same numbers.
  for (let index = 0; index < source.length; index++) from[index] = source[index]!;
  for (let index = 0; index < from.length; index++) this[(at || 0) + index] = from[index]!;
};

View.prototype.subarray = function (this: Bytes, start: number, end?: number): Bytes {
  const last = end === undefined ? this.length : end;
  const length = Math.max(0, Math.min(last, this.length) - start);
  return view(this.numbers, this.start + start, length);
};

// Not that of Array: mquickjs's takes an array alone.
function forEach(this: Bytes, act: (byte: number) => void): void {
  for (let index = 0; index < this.length; index++) act(this[index]!);
}
View.prototype.forEach = forEach;

const own = typeof Uint8Array === 'undefined' ? undefined : Uint8Array;
// Duktape's and mquickjs's have none.
if (own && !own.prototype.forEach) own.prototype.forEach = forEach as never;

const lent = (own || Lent) as typeof Uint8Array;

/** ES5 has no name for its global object: mquickjs, which is always strict, has this one, and MuJS is never strict unasked. */
const outermost =
  typeof globalThis === 'undefined'
    ? (function (this: unknown) {
        return this;
      })()
    : globalThis;

export { lent as Uint8Array, outermost as globalThis };

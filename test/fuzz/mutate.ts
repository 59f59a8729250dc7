import type { Random } from '../random.js';

// Byte-level mutations of an input, of a seeded generator: each a few bytes away from what was read before, so that a check which
// is passed by one is passed by many.

const interesting = [
  0, 1, 2, 23, 24, 25, 26, 27, 31, 32, 63, 64, 95, 96, 127, 128, 129, 0x84, 254, 255,
];
/** Heads of CBOR with numbers at the edges. */
const numbers = [
  '1818',
  '18ff',
  '190100',
  '19ffff',
  '1a00010000',
  '1affffffff',
  '1b0000000100000000',
]
  .concat([
    '1b0020000000000000',
    '1bffffffffffffffff',
    '3bffffffffffffffff',
    '9affffffff',
    '5b7fffffffffffffff',
  ])
  .concat(['fb7ff8000000000000', 'f97c00', 'c1', 'bf', 'ff', '0000'])
  .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const joined = (...parts: Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

const replaced = (bytes: Uint8Array, at: number, byte: number): Uint8Array => {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = byte;
  return copy;
};

const flip: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  return replaced(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
};
const set: Mutation = (bytes, random) =>
  replaced(bytes, random.below(bytes.length), random.below(256));
const setInteresting: Mutation = (bytes, random) =>
  replaced(bytes, random.below(bytes.length), random.pick(interesting));
const add: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  return replaced(bytes, at, (bytes[at] ?? 0) + random.below(7) - 3);
};
const insert: Mutation = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const more = random.chance(0.5) ? random.pick(numbers) : random.bytes(1 + random.below(4));
  return joined(bytes.subarray(0, at), more, bytes.subarray(at));
};
const remove: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  const end = at + 1 + random.below(random.chance(0.7) ? 4 : bytes.length - at);
  return joined(bytes.subarray(0, at), bytes.subarray(end));
};
const truncate: Mutation = (bytes, random) => bytes.slice(0, random.below(bytes.length + 1));
const duplicate: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(64));
  const times = random.chance(0.9) ? 1 : 1 + random.below(40);
  const copies = Array.from({ length: times }, () => bytes.subarray(at, end));
  return joined(bytes.subarray(0, end), ...copies, bytes.subarray(end));
};
const splice: Mutation = (bytes, random, other) =>
  joined(
    bytes.subarray(0, random.below(bytes.length + 1)),
    other.subarray(random.below(other.length + 1)),
  );
const overwrite: Mutation = (bytes, random) => {
  const copy = bytes.slice();
  const more = random.pick(numbers);
  const at = random.below(Math.max(1, copy.length - more.length));
  copy.set(more.subarray(0, copy.length - at), at);
  return copy;
};

const mutations: readonly Mutation[] = [
  ...[flip, flip, set, setInteresting, add, insert, remove],
  ...[truncate, duplicate, splice, overwrite],
];

/** The most of an input: a few frames of the largest kind. */
export const inputBytesMax = 16_384;

/** One to eight of them, one after the other. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let mutant = bytes;
  for (let left = 1 << random.below(4); left > 0; left--) {
    mutant = random.pick(mutations)(mutant, random, other);
  }
  return mutant.length > inputBytesMax ? mutant.slice(0, inputBytesMax) : mutant;
}

// SHA-256 (RFC 6234) and its HMAC (RFC 2104), for boards whose engine has neither: messages of a device, up to 2^29 bytes. Words are
// numbers of 32 bits with a sign. A table's id is computed where the firmware is built, by node:crypto: it needs none of this,
// and what that hashes with is what this is tested against.

export const sha256 = (bytes: ArrayLike<number>): Uint8Array => digest([], bytes);

export const hmacSha256 = (key: ArrayLike<number>, bytes: ArrayLike<number>): Uint8Array =>
  hmacOfShort(key.length > 64 ? sha256(key) : key, [], bytes);

/** HMAC with a key of at most 64 bytes, of `front` and `bytes`, one behind the other. */
export const hmacOfShort = (
  key: ArrayLike<number>,
  front: readonly number[] | Uint8Array,
  bytes: ArrayLike<number>,
): Uint8Array => {
  const inner: number[] = [];
  const outer: number[] = [];
  for (let index = 0; index < 64; index++) {
    // Behind the key's end there is nothing, which is 0 here.
    inner[index] = key[index]! ^ 0x36;
    outer[index] = key[index]! ^ 0x5c;
  }
  front.forEach((byte) => {
    inner.push(byte);
  });
  return digest(outer, digest(inner, bytes));
};

/** The first 32 bits behind the point. The primes cost less than a table, and any engine's power is exact to the 13 digits that it takes. */
const fraction = (root: number): number => (root * 2 ** 32) | 0;

const constants: number[] = [];
for (let candidate = 2; constants.length < 64; candidate++) {
  let divisor = 2;
  while (candidate % divisor && divisor < 17) divisor++;
  // The last prime is 311, below 18 × 18.
  if (candidate % divisor || divisor === candidate) constants.push(fraction(candidate ** (1 / 3)));
}

const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** Of `front` and `bytes`, one behind the other, of which no copy is made. */
const digest = (front: readonly number[], bytes: ArrayLike<number>): Uint8Array => {
  let state = [2, 3, 5, 7, 11, 13, 17, 19].map((prime) => fraction(prime ** 0.5));
  const offset = front.length;
  const length = offset + bytes.length;
  /** The last 16 words of the schedule. */
  const words: number[] = [];
  let at = 0;
  // Behind the message come a byte and, in the last block, its length in bits.
  while (at < length + 9) {
    const next = state.slice();
    for (let round = 0; round < 64; round++) {
      const slot = round & 15;
      let word = 0;
      if (round < 16) {
        for (let bytesLeft = 4; bytesLeft--; at++) {
          word =
            (word << 8) | (at < offset ? front[at]! : at === length ? 128 : bytes[at - offset]!);
        }
        if (round > 14 && at > length + 8) word = length << 3;
      } else {
        const early = words[(round + 1) & 15]!;
        const late = words[(round + 14) & 15]!;
        word =
          words[slot]! +
          (rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)) +
          words[(round + 9) & 15]! +
          (rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10));
      }
      words[slot] = word | 0;
      const a = next[0]!;
      const e = next[4]!;
      const change =
        next.pop()! +
        (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
        ((e & next[5]!) ^ (~e & next[6]!)) +
        constants[round]! +
        words[slot]!;
      next.unshift(
        (change +
          (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
          ((a & next[1]!) ^ (a & next[2]!) ^ (next[1]! & next[2]!))) |
          0,
      );
      next[4] = (next[4]! + change) | 0;
    }
    state = state.map((word, index) => (word + next[index]!) | 0);
  }
  const hash = new Uint8Array(32);
  for (let index = 0; index < 32; index++) {
    hash[index] = state[index >> 2]! >> (24 - (index % 4) * 8);
  }
  return hash;
};

// A smaller input that fails in the same way is easier to read, and to keep.

const attemptsMax = 600;

/** Takes pieces out, half of it at first, a byte in the end, as long as it still fails. */
export async function shrink(
  input: Uint8Array,
  fails: (smaller: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let smallest = input;
  let attempts = 0;
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < smallest.length; ) {
      if (attempts++ > attemptsMax) return smallest;
      const smaller = without(smallest, at, size);
      if (await fails(smaller)) smallest = smaller;
      else at += size;
    }
  }
  return smallest;
}

function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const end = Math.min(bytes.length, at + size);
  const smaller = new Uint8Array(bytes.length - (end - at));
  smaller.set(bytes.subarray(0, at));
  smaller.set(bytes.subarray(end), at);
  return smaller;
}

// The partition of a key, as Kafka's own client computes it (murmur2, then modulo): every client
// finds a device's events where we put them. KAFKA.md [K-40]

/** 0 ≤ partition < partitionCount. */
export function partitionOf(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

const mix = 0x5bd1e995;

export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    let k = Math.imul(word, mix);
    k ^= k >>> 24;
    hash = Math.imul(hash, mix) ^ Math.imul(k, mix);
  }
  const rest = length - at;
  if (rest === 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, mix);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, mix);
  return hash ^ (hash >>> 15);
}

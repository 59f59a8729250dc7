import type { Random } from '../random.js';

// A conversation as bytes: step after step, each an operation, the length of what it takes, and that. Any bytes are a script: an operation
// is taken modulo how many there are, and what is cut short is what is there.

export interface Step {
  operation: number;
  bytes: Uint8Array;
}

export function encodeScript(steps: readonly Step[]): Uint8Array {
  const parts = steps.map(({ operation, bytes }) =>
    Buffer.concat([Uint8Array.of(operation, bytes.length >> 8, bytes.length & 0xff), bytes]),
  );
  return new Uint8Array(Buffer.concat(parts));
}

export function decodeScript(script: Uint8Array, operations: number, stepsMax: number): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < script.length && steps.length < stepsMax; ) {
    const length = (script[at + 1] ?? 0) * 256 + (script[at + 2] ?? 0);
    const bytes = script.subarray(at + 3, at + 3 + length);
    steps.push({ operation: script[at]! % operations, bytes });
    at += 3 + length;
  }
  return steps;
}

/** Draws from the bytes of a step as from a generator; behind their end it draws zeros. */
export class Draws {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
  below(end: number): number {
    return this.byte() % end;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }
}

/** Whatever its bytes say, the same pieces again; a hundred or so at most. */
export function pieces(bytes: Uint8Array, random: Random, most = 64): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(most) + (bytes.length >> 7);
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

import { FRAME_BYTES_MAX } from '../sdk/wire.js';
import { CborReader } from './cbor.js';
import type { Clock } from './clock.js';

// frame → fragments → message: frames that were too large for their way, in parts (PROTOCOL.md §11). A channel puts one together at
// a time and holds no more than a frame; what can't become one any more is dropped, and the device sends it again.

export type Assembly =
  /** A frame, body and check, to be checked as any other. */
  | { type: 'frame'; frame: Uint8Array }
  | { type: 'waiting' }
  | { type: 'dropped'; why: 'malformed' | 'missing' | 'late' | 'oversize' };

const UINT16_MAX = 0xffff;
const lateMs = 5_000;

export class Fragments {
  readonly #clock: Clock;
  #number = -1;
  /** As many parts came, one behind the other: not each on its own, or parts of a byte would take a hundred times a frame. */
  #frame: Uint8Array | null = null;
  #parts = 0;
  #bytes = 0;
  #cameAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `body`: of a FRAGMENT, with its type. */
  take(body: Uint8Array): Assembly {
    const reader = new CborReader(body, 1);
    const number = reader.uint(UINT16_MAX, 'number');
    const index = reader.uint(FRAME_BYTES_MAX, 'index');
    const last = reader.uint(1, 'last');
    if (reader.done) return { type: 'dropped', why: 'malformed' };
    const nowMs = this.#clock.monotonicMs();
    if (index === 0) {
      if (number === this.#number && this.#parts > 0) return { type: 'waiting' };
      this.#number = number;
      this.#forget();
    } else if (number !== this.#number || index > this.#parts) {
      return this.#drop('missing');
    } else if (index < this.#parts) {
      return { type: 'waiting' };
    } else if (nowMs - this.#cameAtMs > lateMs) return this.#drop('late');
    const part = body.subarray(reader.at);
    this.#cameAtMs = nowMs;
    if (this.#bytes + part.length > FRAME_BYTES_MAX) return this.#drop('oversize');
    this.#frame ??= new Uint8Array(FRAME_BYTES_MAX);
    this.#frame.set(part, this.#bytes);
    this.#bytes += part.length;
    this.#parts += 1;
    if (last === 0) return { type: 'waiting' };
    const frame = this.#frame.subarray(0, this.#bytes);
    this.#number = -1;
    this.#forget();
    return { type: 'frame', frame };
  }

  #drop(why: 'missing' | 'late' | 'oversize'): Assembly {
    this.#number = -1;
    this.#forget();
    return { type: 'dropped', why };
  }

  #forget(): void {
    this.#frame = null;
    this.#parts = 0;
    this.#bytes = 0;
  }
}

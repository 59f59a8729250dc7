import { Duplex } from 'node:stream';
import { Random } from '../random.js';
import type { Pty } from './pty.js';

// A device's end of a serial line: the cable between its UART and the pseudo-terminal that the proxy opens. It can flip bits, and
// lose and double bytes, both ways; a seed decides which.

export interface Wire {
  /** For the device's link: a UART is there as long as the device is. */
  uart(): Duplex;
  /** The share of the bytes that are spoilt: 0.001 is one in a thousand. */
  spoil(share: number): void;
  /** What no device says: a boot banner, a console. */
  noise(text: string | Uint8Array): void;
  /** Bytes that came out of the cable's ends. */
  readonly bytes: { toProxy: number; toDevice: number };
}

export function wireOf(pty: Pty, seed: number): Wire {
  const random = new Random(seed);
  const draw = () => random.next();
  let share = 0;
  let device: Duplex | null = null;
  const bytes = { toProxy: 0, toDevice: 0 };
  const cross = (chunk: Uint8Array): Uint8Array => {
    if (share === 0) return Uint8Array.from(chunk);
    const out: number[] = [];
    for (const byte of chunk) {
      if (draw() >= share) out.push(byte);
      else {
        const kind = Math.floor(draw() * 3);
        if (kind === 0) out.push(byte ^ (1 << Math.floor(draw() * 8)));
        if (kind === 1) out.push(byte, byte);
      }
    }
    return Uint8Array.from(out);
  };
  const out = (chunk: Uint8Array) => {
    bytes.toProxy += chunk.length;
    pty.far.send(chunk);
  };
  pty.far.onBytes = (chunk) => {
    const came = cross(chunk);
    bytes.toDevice += came.length;
    device?.push(came);
  };
  return {
    bytes,
    uart() {
      device?.destroy();
      device = new Duplex({
        read() {},
        write(chunk: Uint8Array, _encoding, done) {
          out(cross(chunk));
          done();
        },
      });
      return device;
    },
    spoil(value) {
      share = value;
    },
    noise: (text) => out(Buffer.from(text)),
  };
}

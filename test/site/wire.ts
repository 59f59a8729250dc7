import { Duplex } from 'node:stream';
import { Random } from '../random.js';
import type { Pty } from './pty.js';

// A device's end of a serial line: the cable between its UART and the pseudo-terminal that the proxy opens. It can flip bits, and
// lose and double bytes, both ways; a seed decides which. It can be plugged into another line.

export interface Wire {
  /** For the device's link: a UART is there as long as the device is. */
  uart(): Duplex;
  /** The share of the bytes that are spoilt: 0.001 is one in a thousand. */
  spoil(share: number): void;
  /** What no device says: a boot banner, a console. */
  noise(text: string | Uint8Array): void;
  /** Bytes that came out of the cable's ends. */
  readonly bytes: { toProxy: number; toDevice: number };
  plugInto(pty: Pty): void;
}

export function wireOf(first: Pty, seed: number): Wire {
  const random = new Random(seed);
  let pty = first;
  let share = 0;
  let device: Duplex | null = null;
  const bytes = { toProxy: 0, toDevice: 0 };
  const cross = (chunk: Uint8Array): Uint8Array => {
    if (share === 0) return Uint8Array.from(chunk);
    const out: number[] = [];
    for (const byte of chunk) {
      if (random.next() >= share) out.push(byte);
      else {
        const kind = random.below(3);
        if (kind === 0) out.push(byte ^ (1 << random.below(8)));
        if (kind === 1) out.push(byte, byte);
      }
    }
    return Uint8Array.from(out);
  };
  const out = (chunk: Uint8Array) => {
    bytes.toProxy += chunk.length;
    pty.far.send(chunk);
  };
  const plugInto = (other: Pty) => {
    pty = other;
    pty.far.onBytes = (chunk) => {
      const came = cross(chunk);
      bytes.toDevice += came.length;
      device?.push(came);
    };
  };
  plugInto(first);
  return {
    ...{ bytes, plugInto },
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

import { Duplex } from 'node:stream';
import type { Pty } from './pty.js';

// A pair of wires at a pseudo-terminal: what one says, all others hear.

export interface BusWire {
  /** Another device on it; for the device's link. */
  drop(): () => Duplex;
}

export function busWireOf(pty: Pty): BusWire {
  const drops = new Set<Duplex>();
  pty.far.onBytes = (chunk) => {
    for (const drop of drops) drop.push(Uint8Array.from(chunk));
  };
  return {
    drop() {
      let mine: Duplex | undefined;
      return () => {
        if (mine !== undefined) drops.delete(mine);
        mine?.destroy();
        const fresh = new Duplex({
          read() {},
          write(chunk: Uint8Array, _encoding, done) {
            pty.far.send(chunk);
            for (const drop of drops) if (drop !== fresh) drop.push(Uint8Array.from(chunk));
            done();
          },
        });
        mine = fresh;
        drops.add(fresh);
        return fresh;
      };
    },
  };
}

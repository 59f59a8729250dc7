import type { Link } from './link.js';

// TCP of Espruino: `net({ host: '10.0.0.2', port: 7070 })`, on boards with a network that is there. The engine keeps what is written
// in variables until it is sent, so the next bytes wait until it says `drain`.

interface Socket {
  on(event: string, listener: (text: string) => void): void;
  write(text: string): void;
  end(): void;
}

declare const E: { toString(bytes: Uint8Array): string; toUint8Array(text: string): Uint8Array };
declare const require: (name: 'net') => {
  connect(to: { host: string; port: number }, connected: (socket: Socket) => void): Socket;
};

export const net = (to: { host: string; port: number }): Link => {
  /** 0 for a connection that is no more: the engine still tells of it. */
  let current = 0;
  let opened = 0;
  let socket: Socket | undefined;
  let busy = true;
  const close = () => {
    current = 0;
    busy = true;
    // It throws where the other end has closed it.
    try {
      if (socket) socket.end();
    } catch {}
    socket = undefined;
  };
  return {
    open(events) {
      close();
      const mine = ++opened;
      current = mine;
      const down = () => {
        if (current === mine) {
          close();
          events.down();
        }
      };
      const ready = (tell: () => void) => () => {
        if (current === mine) {
          busy = false;
          tell();
        }
      };
      try {
        socket = require('net').connect(to, ready(events.up));
        socket.on('data', (text) => {
          if (current === mine) events.data(E.toUint8Array(text));
        });
        socket.on('drain', ready(events.ready));
        socket.on('error', down);
        socket.on('end', down);
        socket.on('close', down);
      } catch {
        // Nobody listens, or there is no network.
        setTimeout(down, 1);
      }
    },
    write(bytes) {
      if (busy) return 0;
      busy = true;
      try {
        socket!.write(E.toString(bytes));
      } catch {
        return 0;
      }
      return bytes.length;
    },
    close,
  };
};

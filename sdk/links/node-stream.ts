import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Link } from './link.js';

// A link over any Duplex of Node: a socket, a serial port, a pair of streams. Each opening asks the factory for a new one.

/** `nodeStream(() => net.connect(7070, 'edge-1'))` */
export function nodeStream(connect: () => Duplex): Link {
  let current: Duplex | undefined;
  const close = () => {
    const stream = current;
    current = undefined;
    stream?.destroy();
  };
  return {
    open(events) {
      close();
      let stream: Duplex;
      try {
        stream = connect();
      } catch {
        events.down();
        return;
      }
      current = stream;
      const down = () => {
        if (stream === current) {
          close();
          events.down();
        }
      };
      const up = () => {
        if (stream === current) events.up();
      };
      stream.on('error', down);
      stream.on('end', down);
      stream.on('close', down);
      stream.on('data', (bytes: Uint8Array) => {
        if (stream === current) events.data(bytes);
      });
      stream.on('drain', () => {
        if (stream === current) events.ready();
      });
      // A socket says when it is connected; any other stream is up as soon as it is there.
      if ('connecting' in stream && stream.connecting) stream.on('connect', up);
      else up();
    },
    write(bytes) {
      if (!current || current.writableNeedDrain || !current.writable) return 0;
      current.write(Buffer.from(bytes));
      return bytes.length;
    },
    close,
  };
}

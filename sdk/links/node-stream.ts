import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Link } from './link.js';

// A link over any Duplex of Node: a socket, a serial port, a pair of streams. Each opening asks the factory for a new one.

/** `nodeStream(() => net.connect(7070, 'edge-1'))` */
export function nodeStream(connect: () => Duplex): Link {
  let current: Duplex | undefined;
  /** Counts openings and closings: what belongs to a former one tells nothing. */
  let turn = 0;
  const close = () => {
    const stream = current;
    current = undefined;
    turn++;
    stream?.destroy();
  };
  return {
    open(events) {
      close();
      const mine = turn;
      const during = (act: () => void) => () => {
        if (turn === mine) act();
      };
      const down = during(() => {
        close();
        events.down();
      });
      let stream: Duplex;
      try {
        stream = connect();
      } catch {
        setImmediate(down);
        return;
      }
      current = stream;
      const up = during(() => {
        stream.on('data', (bytes: Uint8Array) => during(() => events.data(bytes))());
        events.up();
      });
      stream.on('error', down);
      stream.on('end', down);
      stream.on('close', down);
      stream.on('drain', during(events.ready));
      // A socket says when it is connected; any other stream is up as soon as it is there.
      if ('connecting' in stream && stream.connecting) stream.on('connect', up);
      else setImmediate(up);
    },
    write(bytes) {
      if (!current || current.writableNeedDrain || !current.writable) return 0;
      current.write(Buffer.from(bytes));
      return bytes.length;
    },
    close,
  };
}

// A cable that can be pulled: a TCP relay between the devices and the proxy. Pulled, it resets every
// connection, loses what was on the way, and takes no new one until it is plugged in again. Or it stays and
// carries badly: late, with bytes missing, or nothing at all.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';

export interface Relay {
  port: number;
  pull(): void;
  plug(): void;
  /** From now on, on each connection and in both directions. */
  carry(how: Carriage): void;
  close(): Promise<void>;
}

export type Carriage =
  | { kind: 'well' }
  | { kind: 'late'; delayMs: () => number }
  /** A chunk passes, or a part of it is cut out. */
  | { kind: 'lossy'; cut: (chunk: Buffer) => Buffer }
  /** Nothing passes, and connections stay open; what was held comes when it is over. */
  | { kind: 'hole' };

/** `target` is asked at each connection, since a restarted proxy may have another port. */
export async function openRelay(target: () => number | null, port = 0): Promise<Relay> {
  const sockets = new Set<Socket>();
  let pulled = false;
  let how: Carriage = { kind: 'well' };
  const held = new Set<() => void>();
  const carriage = () =>
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        carryOne(how, chunk, done, held);
      },
    });
  const server = createServer((device) => {
    const to = target();
    if (pulled || to === null) {
      device.resetAndDestroy();
      return;
    }
    const proxy = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [device, proxy],
      [proxy, device],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(carriage()).pipe(other);
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const dropAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    pull() {
      pulled = true;
      dropAll();
    },
    plug() {
      pulled = false;
    },
    carry(next) {
      how = next;
      for (const release of [...held]) release();
    },
    async close() {
      dropAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function carryOne(how: Carriage, chunk: Buffer, done: TransformCallback, held: Set<() => void>) {
  if (how.kind === 'late') setTimeout(done, how.delayMs(), null, chunk);
  else if (how.kind === 'lossy') done(null, how.cut(chunk));
  else if (how.kind === 'well') done(null, chunk);
  else {
    const release = () => {
      held.delete(release);
      done(null, chunk);
    };
    held.add(release);
  }
}

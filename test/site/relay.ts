// A cable that can be pulled: a TCP relay between the devices and the proxy. Pulled, it resets every
// connection, loses what was on the way, and takes no new one until it is plugged in again.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Relay {
  port: number;
  pull(): void;
  plug(): void;
  close(): Promise<void>;
}

/** `target` is asked at each connection, since a restarted proxy may have another port. */
export async function openRelay(target: () => number | null, port = 0): Promise<Relay> {
  const sockets = new Set<Socket>();
  let pulled = false;
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
      one.pipe(other);
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
    async close() {
      dropAll();
      server.close();
      await once(server, 'close');
    },
  };
}

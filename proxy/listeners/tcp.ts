// Owns a TCP port: connections become channels. Knows bytes only.
// Bounded: connections by connectionsMax, each one's unread answers by unreadBytesMax. It never stops
// reading: congestion is told by credit, or events would age in a socket's buffer ([W-33]).

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Auth } from '../auth/auth.js';
import type { Outcomes } from '../outcomes.js';
import type { Accept, PortListener } from './channel.js';

export interface TcpOptions {
  host: string;
  port: number;
  auth: Auth;
  connectionsMax: number;
  accept: Accept;
  outcomes: Outcomes;
}

/** Answers that a peer may leave unread before its connection is closed: a thousand ACKs. */
const unreadBytesMax = 32_768;
const keepAliveMs = 30_000;

/** Rejects with Node's error (EADDRINUSE, EACCES, …) where the port can't be had. */
export async function listenTcp(options: TcpOptions): Promise<PortListener> {
  const { outcomes } = options;
  const sockets = new Set<Socket>();
  const server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
  });
  server.on('connection', (socket) => {
    const name = `tcp ${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    socket.on('error', () => {});
    if (sockets.size >= options.connectionsMax) {
      outcomes.count('connections-max', { channel: name, connectionsMax: options.connectionsMax });
      socket.destroy();
      return;
    }
    sockets.add(socket);
    const handler = options.accept({
      name,
      kind: 'connection',
      auth: options.auth,
      send(bytes) {
        if (socket.destroyed) return;
        if (socket.writableLength + bytes.length > unreadBytesMax) {
          outcomes.count('slow-reader', { channel: name });
          socket.destroy();
        } else socket.write(bytes);
      },
      close: () => socket.destroy(),
    });
    socket.on('data', (bytes) => handler.received(bytes));
    // A half-closed connection hears no ACK: it is as good as closed.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      handler.closed();
    });
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get channels() {
      return sockets.size;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

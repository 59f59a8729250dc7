// Owns a TCP port: connections become channels (connections.ts). Knows bytes only.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { PortListener } from './channel.js';
import { Connections, type ConnectionsOptions, socketOptions } from './connections.js';

export interface TcpOptions extends Omit<ConnectionsOptions, 'kind'> {
  host: string;
  port: number;
}

/** Rejects with Node's error (EADDRINUSE, EACCES, …) where the port can't be had. */
export async function listenTcp(options: TcpOptions): Promise<PortListener> {
  const connections = new Connections({ ...options, kind: 'tcp' });
  const server = createServer(socketOptions);
  server.on('connection', (socket) => {
    if (connections.admit(socket)) connections.open(socket);
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get channels() {
      return connections.count;
    },
    async close() {
      server.close();
      connections.end();
      await once(server, 'close');
    },
  };
}

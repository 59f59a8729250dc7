// Owns a TLS port (1.2 at least): what tcp.ts does, behind Node's own handshake. Where there is a clientCa nobody gets past it without a
// certificate that it signed, and whose name that is goes to the session. Renewed certificates are taken up while it runs, by the next handshakes.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { PortListener } from './channel.js';
import { Connections, type ConnectionsOptions, socketOptions } from './connections.js';
import { type TlsPaths, watchCertificates } from './tls-certificates.js';

export interface TlsOptions extends Omit<ConnectionsOptions, 'kind'>, TlsPaths {
  host: string;
  port: number;
  /** The longest that a handshake may take. */
  handshakeTimeoutMs: number;
  clock: Clock;
  log: Log;
}

/** Rejects with Node's error where the port can't be had, with a ConfigError where the files are wrong. */
export async function listenTls(options: TlsOptions): Promise<PortListener> {
  const { outcomes, clientCa, handshakeTimeoutMs } = options;
  const connections = new Connections({ ...options, kind: 'tls' });
  const certificates = watchCertificates(options, (renewed) => server.setSecureContext(renewed));
  const server = createServer({
    ...{ ...socketOptions, ...certificates.now, handshakeTimeout: handshakeTimeoutMs },
    ...{ requestCert: clientCa !== undefined, rejectUnauthorized: clientCa !== undefined },
  });
  /** A socket that has ended no longer knows whose it was. Null: it was one too many, and is counted already. */
  const names = new WeakMap<Socket, string | null>();
  server.on('connection', (socket: Socket) => {
    const name = connections.nameOf(socket);
    names.set(socket, connections.admit(socket) ? name : null);
  });
  server.on('secureConnection', (socket) => connections.open(socket, certificateOf(socket)));
  server.on('tlsClientError', (error, socket) => {
    const known = names.get(rawOf(socket));
    socket.destroy();
    if (known === null) return;
    const channel = known ?? connections.nameOf(socket);
    outcomes.count('tls-handshake', { channel, why: whyOf(error, socket) });
  });
  server.listen(options.port, options.host);
  await once(server, 'listening').catch((error: unknown) => {
    certificates.stop();
    throw error;
  });
  return {
    port: (server.address() as AddressInfo).port,
    get channels() {
      return connections.count;
    },
    async close() {
      certificates.stop();
      server.close();
      connections.end();
      await once(server, 'close');
    },
  };
}

/** [W-42] The one common name of its subject; a certificate without, or with several, names nobody. */
function certificateOf(socket: TLSSocket): { certificateName?: string } {
  const name: unknown = socket.getPeerCertificate()?.subject?.CN;
  return typeof name === 'string' && name !== '' ? { certificateName: name } : {};
}

function whyOf(error: NodeJS.ErrnoException, { authorizationError }: TLSSocket): string {
  // What OpenSSL thinks of the peer's certificate; Node says "socket hang up".
  if (authorizationError) return String(authorizationError);
  const { reason } = error as { reason?: string };
  return reason ?? error.code ?? error.message;
}

/** The socket below, which is what was accepted. */
function rawOf(socket: TLSSocket): Socket {
  return (socket as unknown as { _parent?: Socket })._parent ?? socket;
}

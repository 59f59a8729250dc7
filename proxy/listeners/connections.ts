// What a connection is to a session, by TCP or by TLS: a channel with a name for the log. Bounded: connections by connectionsMax, each one's
// unread answers by unreadBytesMax. It never stops reading: congestion is told by credit, or events would age in a socket's buffer ([W-33]).

import type { Socket } from 'node:net';
import type { Auth } from '../auth/auth.js';
import type { Outcomes } from '../outcomes.js';
import type { Accept } from './channel.js';

export interface ConnectionsOptions {
  /** Before the address in a name: tcp, tls. */
  kind: 'tcp' | 'tls';
  auth: Auth;
  connectionsMax: number;
  accept: Accept;
  outcomes: Outcomes;
}

/** Answers that a peer may leave unread before its connection is closed: a thousand ACKs. */
const unreadBytesMax = 32_768;

/** Of the server's options. */
export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
} as const;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #sockets = new Set<Socket>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** A socket that has just been accepted counts from now on; false: it is one too many, and closed. */
  admit(socket: Socket): boolean {
    const { outcomes, connectionsMax } = this.#options;
    socket.on('error', () => {});
    if (this.#sockets.size >= connectionsMax) {
      outcomes.count('connections-max', { channel: this.nameOf(socket), connectionsMax });
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    return true;
  }

  /** Its bytes are a device's, or a gateway's, from now on. */
  open(socket: Socket, certificate: { certificateName?: string } = {}): void {
    const { auth, outcomes } = this.#options;
    const name = this.nameOf(socket);
    socket.on('error', () => {});
    const handler = this.#options.accept({
      ...{ name, kind: 'connection', auth, ...certificate },
      send(bytes) {
        if (socket.destroyed) return;
        if (socket.writableLength + bytes.length > unreadBytesMax) {
          outcomes.count('slow-reader', { channel: name });
          socket.destroy();
        } else socket.write(bytes);
      },
      close: () => socket.destroy(),
    });
    socket.on('data', (bytes: Buffer) => handler.received(bytes));
    // A half-closed connection hears no ACK: it is as good as closed.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => handler.closed());
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** For the log: "tcp 10.0.0.7:51234". */
  nameOf({ remoteAddress = '?', remotePort = 0 }: Socket): string {
    return `${this.#options.kind} ${remoteAddress}:${remotePort}`;
  }
}

// What a connection is to a session, by TCP or by TLS: a channel with a name for the log. Bounded: connections by what addresses may have,
// each one's unread answers by unreadBytesMax. It stops reading where an address has sent more than it may, and never for congestion: that is told
// by credit, or events would age in a socket's buffer ([W-33]).

import type { Socket } from 'node:net';
import { RESET_UNAVAILABLE } from '../../sdk/wire.js';
import type { Auth } from '../auth/auth.js';
import type { Clock } from '../clock.js';
import { encodeFrame } from '../frame.js';
import type { Addresses, Seat } from '../limits/addresses.js';
import { encodeReset } from '../message.js';
import type { Outcomes } from '../outcomes.js';
import type { Accept } from './channel.js';

export interface ConnectionsOptions {
  /** Before the address in a name: tcp, tls. */
  kind: 'tcp' | 'tls';
  auth: Auth;
  addresses: Addresses;
  clock: Clock;
  accept: Accept;
  outcomes: Outcomes;
}

/** When one that was sent away may come again. */
const retryMs = 2_000;
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
  /** By name, as what it counts: a TLS socket is not the one that was accepted below it. */
  readonly #seats = new Map<string, Seat>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** A socket that has just been accepted counts from now on; false: it is one too many, and closed. */
  admit(socket: Socket): boolean {
    const { addresses, outcomes } = this.#options;
    const { remoteAddress: address = '?' } = socket;
    socket.on('error', () => {});
    const name = this.nameOf(socket);
    const seat = addresses.connect(address, this.#sockets.size);
    if (typeof seat === 'string') {
      outcomes.count(seat, { channel: name });
      this.#sendAway(socket);
      return false;
    }
    this.#sockets.add(socket);
    this.#seats.set(name, seat);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#seats.get(name) === seat) this.#seats.delete(name);
      seat.leave();
    });
    return true;
  }

  /** Its bytes are a device's, or a gateway's, from now on. */
  open(socket: Socket, certificate: { certificateName?: string } = {}): void {
    const { auth, outcomes, addresses, clock } = this.#options;
    const name = this.nameOf(socket);
    const { remoteAddress: address = '?' } = socket;
    const seat = this.#seats.get(name);
    socket.on('error', () => {});
    const handler = this.#options.accept({
      ...{ name, kind: 'connection', auth, ...certificate, ...(seat && { seat }) },
      send(bytes) {
        if (socket.destroyed) return;
        if (socket.writableLength + bytes.length > unreadBytesMax) {
          outcomes.count('slow-reader', { channel: name });
          socket.destroy();
        } else socket.write(bytes);
      },
      close: () => socket.destroy(),
    });
    socket.on('data', (bytes: Buffer) => {
      handler.received(bytes);
      const waitMs = addresses.read(address, bytes.length);
      if (waitMs === 0) return;
      outcomes.count('address-slowed', { channel: name });
      socket.pause();
      clock.after(waitMs, () => socket.resume());
    });
    // A half-closed connection hears no ACK: it is as good as closed.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => handler.closed());
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** With the reason, where it can be said: before a TLS handshake it can't. */
  #sendAway(socket: Socket): void {
    if (this.#options.kind === 'tcp') {
      socket.write(Uint8Array.of(0, ...encodeFrame(encodeReset(RESET_UNAVAILABLE, retryMs))));
      socket.destroySoon();
    } else socket.destroy();
  }

  /** For the log: "tcp 10.0.0.7:51234". */
  nameOf({ remoteAddress = '?', remotePort = 0 }: Socket): string {
    return `${this.#options.kind} ${remoteAddress}:${remotePort}`;
  }
}

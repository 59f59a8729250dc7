// Between listeners and sessions: a channel is a connection, a line, or a channel of a gateway. A
// listener knows bytes only; what they mean is the handler's.

import type { Auth } from '../auth/auth.js';
import type { Seat } from '../limits/addresses.js';

export interface Channel {
  /** For the log: "tcp 10.0.0.7:51234". */
  readonly name: string;
  /** A line is never closed for its silence, the others are. What came on datagrams may come again, late and out of order. */
  readonly kind: 'connection' | 'line' | 'datagrams';
  /** What a device has to show on it. */
  readonly auth: Auth;
  /** [W-42] Of the connection's TLS certificate, where it had to show one: who it is. */
  readonly certificateName?: string;
  /** A gateway's: no envelope is taken in it ([W-44]). */
  readonly isInEnvelope?: boolean;
  /** As what it counts among its listener's; absent: it counts for nothing. */
  readonly seat?: Seat;
  /** Takes all of it; where its peer has not read for too long, a connection is closed and a line drops it. */
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface ChannelHandler {
  received(bytes: Uint8Array): void;
  /** Once, also after the handler's own close(). */
  closed(): void;
}

/** Called for each new channel. */
export type Accept = (channel: Channel) => ChannelHandler;

export interface Listener {
  readonly channels: number;
  close(): Promise<void>;
}

export interface PortListener extends Listener {
  readonly port: number;
}

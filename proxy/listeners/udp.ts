// Owns a UDP port: an address becomes a channel, and each frame of a datagram (PROTOCOL.md §12) the bytes that a session reads
// from any channel. Bounded: by what addresses may have, each ended after idleMs without a datagram, and no
// channel for an address whose first frame is not sound. An address never gets more bytes than it sent ([W-47]).

import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Auth } from '../auth/auth.js';
import type { Clock } from '../clock.js';
import { framesOfDatagram, toDatagram } from '../datagram.js';
import { checkFrame, framesOf, toStream } from '../frame.js';
import type { Addresses, Seat } from '../limits/addresses.js';
import type { Outcomes } from '../outcomes.js';
import type { Accept, ChannelHandler, PortListener } from './channel.js';

export interface UdpOptions {
  host: string;
  port: number;
  auth: Auth;
  addresses: Addresses;
  /** An address that is silent for so long is forgotten. */
  idleMs: number;
  accept: Accept;
  outcomes: Outcomes;
  clock: Clock;
}

interface Peer {
  handler: ChannelHandler;
  /** As what it counts. */
  seat: Seat;
  heardAtMs: number;
  /** Bytes that it may be sent. */
  credit: number;
}

/** What IP and UDP put before each datagram, both ways. */
const headerBytes = 28;
/** Of what an address sent and was not answered; more is not remembered. */
const creditMax = 65_536;
/** Answers that the system has not taken; what is beyond is lost, as a datagram may be. */
const queueBytesMax = 1 << 20;

/** Rejects with Node's error (EADDRINUSE, EACCES, …) where the port can't be had. */
export async function listenUdp(options: UdpOptions): Promise<PortListener> {
  const { outcomes, clock } = options;
  const peers = new Map<string, Peer>();
  const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4');

  const end = (key: string) => {
    const peer = peers.get(key);
    if (peer === undefined) return;
    peers.delete(key);
    peer.seat.leave();
    peer.handler.closed();
  };

  const meet = (key: string, { address, port }: RemoteInfo): Peer | null => {
    const name = `udp ${key}`;
    const seat = options.addresses.connect(address, peers.size);
    if (typeof seat === 'string') {
      outcomes.count(seat === 'connections-max' ? 'addresses-max' : seat, { channel: name });
      return null;
    }
    const send = (bytes: Uint8Array) => {
      for (const frame of framesOf(bytes)) {
        const datagram = toDatagram(frame);
        if (peers.get(key) !== peer) return;
        if (datagram.length + headerBytes > peer.credit) {
          outcomes.count('more-than-sent', { channel: name });
        } else if (socket.getSendQueueSize() < queueBytesMax) {
          peer.credit -= datagram.length + headerBytes;
          socket.send(datagram, port, address, () => {});
        }
      }
    };
    const handler = options.accept({
      ...{ name, kind: 'datagrams', auth: options.auth, send, seat },
      close: () => end(key),
    });
    const peer: Peer = { handler, seat, heardAtMs: 0, credit: 0 };
    peers.set(key, peer);
    return peer;
  };

  socket.on('message', (datagram, from) => {
    const key = `${from.address}:${from.port}`;
    const frames = framesOfDatagram(datagram);
    if (frames === null) {
      outcomes.count('datagram-broken', { channel: `udp ${key}` });
      return;
    }
    const first = frames[0];
    const isSound = first !== undefined && typeof checkFrame(first) !== 'string';
    const peer = peers.get(key) ?? (isSound ? meet(key, from) : null);
    if (peer === null) {
      if (!isSound) outcomes.count('datagram-stranger', { channel: `udp ${key}` });
      return;
    }
    if (options.addresses.read(from.address, datagram.length) > 0) {
      outcomes.count('address-slowed', { channel: `udp ${key}` });
      return;
    }
    peer.heardAtMs = clock.monotonicMs();
    peer.credit = Math.min(peer.credit + datagram.length + headerBytes, creditMax);
    peer.handler.received(toStream(frames));
  });

  socket.bind(options.port, options.host);
  await once(socket, 'listening');
  socket.on('error', (error) => outcomes.count('udp-error', { why: error.message }));

  let cancel = () => {};
  const sweep = () => {
    const since = clock.monotonicMs() - options.idleMs;
    for (const [key, peer] of [...peers]) if (peer.heardAtMs <= since) end(key);
    cancel = clock.after(options.idleMs / 4, sweep);
  };
  cancel = clock.after(options.idleMs / 4, sweep);
  return {
    port: socket.address().port,
    get channels() {
      return peers.size;
    },
    async close() {
      cancel();
      for (const key of [...peers.keys()]) end(key);
      socket.close();
      await once(socket, 'close');
    },
  };
}

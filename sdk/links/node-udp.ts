import { Buffer } from 'node:buffer';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Link } from './link.js';

// Datagrams over Node's UDP, for `datagrams()`: each write is one, and each one that comes is told as one.

/** `datagrams(nodeUdp('edge-1', 4510))` */
export function nodeUdp(host: string, port: number): Link {
  let current: Socket | undefined;
  const close = () => {
    const socket = current;
    current = undefined;
    socket?.close();
  };
  return {
    open(events) {
      close();
      const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
      current = socket;
      // Also where the name has no address, or nobody listens there (ICMP said so).
      socket.on('error', () => {
        if (socket !== current) return;
        close();
        events.down();
      });
      socket.on('message', (bytes) => {
        if (socket === current) events.data(bytes);
      });
      socket.connect(port, host, () => {
        if (socket === current) events.up();
      });
    },
    write(bytes) {
      if (!current) return 0;
      // What fails is lost, as a datagram may be.
      current.send(Buffer.from(bytes), () => {});
      return bytes.length;
    },
    close,
  };
}

import net from 'node:net';
import { ack, bodies, type Data, type Hello, type Message, parse, welcome } from './peer.js';

// A proxy in a few lines, over real sockets: welcomes, takes what comes in order, acknowledges. It keeps nothing durable.

export interface PeerServer {
  port: number;
  hellos: Hello[];
  /** Blocks in the order in which they were taken. */
  blocks: Data[];
  tables: Map<number, string>;
  /** The next seq expected. */
  expected: number;
  /** Whether DATA is answered. */
  acknowledges: boolean;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

export const BOOT = 1_763_956_800;

export async function peerServer(): Promise<PeerServer> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let held = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      held = Buffer.concat([held, bytes]);
      const end = held.lastIndexOf(0) + 1;
      for (const body of bodies(held.subarray(0, end))) answer(socket, parse(body));
      held = held.subarray(end);
    });
  });

  const answer = (socket: net.Socket, message: Message) => {
    if (message.type === 'hello') {
      peer.hellos.push(message);
      const lacking = peer.tables.size ? 0 : 1;
      socket.write(welcome(message.nonce, [[BOOT, peer.expected, peer.expected + 1000]], lacking));
    } else if (message.type === 'table') peer.tables.set(message.stream, message.description);
    else {
      if (!peer.acknowledges) return;
      const gap = message.first > peer.expected ? 1 : 0;
      if (message.first === peer.expected) {
        peer.blocks.push(message);
        peer.expected += message.count;
      }
      socket.write(ack(BOOT, peer.expected, peer.expected + 1000, gap));
    }
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const peer: PeerServer = {
    port: (server.address() as net.AddressInfo).port,
    hellos: [],
    blocks: [],
    tables: new Map(),
    expected: 0,
    acknowledges: true,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      peer.cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return peer;
}

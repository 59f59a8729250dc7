// Who stands between a device and its proxy: takes the device's connection, has one of its own to the proxy, and sees every frame both ways.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { cobs, frameCutter } from './attacker.js';

export type Way = 'to-proxy' | 'to-device';
/** What goes on in a frame's place; the frame itself: passed on. */
export type Tamper = (frame: Buffer, way: Way, connection: number) => Uint8Array[];

export const honestly: Tamper = (frame) => [frame];

export interface Rogue {
  port: number;
  tamper(how: Tamper): void;
  /** To both ends of the newest connection, as the other end would send it. */
  inject(way: Way, frame: Uint8Array): void;
  /** Each frame that passed, of all connections. */
  seen: { way: Way; frame: Buffer; connection: number }[];
  close(): Promise<void>;
}

/** `toProxy`: connected. */
export async function openRogue(toProxy: () => Promise<Duplex>): Promise<Rogue> {
  const sockets = new Set<Duplex>();
  const seen: Rogue['seen'] = [];
  let how = honestly;
  let connections = 0;
  let newest: Record<Way, Duplex> | null = null;
  const server = createServer(async (device) => {
    const connection = connections++;
    device.pause().on('error', () => {});
    sockets.add(device);
    const proxy = await toProxy();
    sockets.add(proxy);
    newest = { 'to-proxy': proxy, 'to-device': device };
    const carry = (from: Duplex, to: Duplex, way: Way) => {
      const cut = frameCutter((frame) => {
        seen.push({ way, frame, connection });
        for (const one of how(frame, way, connection)) if (!to.destroyed) to.write(cobs(one));
      });
      from.on('data', cut);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    carry(device, proxy, 'to-proxy');
    carry(proxy, device, 'to-device');
    device.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    tamper(next) {
      how = next;
    },
    inject(way, frame) {
      if (newest?.[way].destroyed === false) newest[way].write(cobs(frame));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface FalseProxy {
  port: number;
  /** Devices' connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** A listener that is no proxy. `answer`: frames for one that came. */
export async function openFalseProxy(answer: (frame: Buffer) => Uint8Array[]): Promise<FalseProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((device) => {
    connections += 1;
    sockets.add(device);
    device.on('error', () => {}).on('close', () => sockets.delete(device));
    const cut = frameCutter((frame) => {
      for (const one of answer(frame)) if (!device.destroyed) device.write(cobs(one));
    });
    device.on('data', cut);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

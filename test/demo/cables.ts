import type { Duplex } from 'node:stream';
import { startGateway } from '../site/gateway-process.js';
import { openPty } from '../site/pty.js';
import { openRelay } from '../site/relay.js';
import { wireOf } from '../site/wire.js';

// What the demo's devices hang on: connections over a cable that can be pulled, or serial lines behind a gateway.

export interface Cables {
  /** For the device of this number: a port of 127.0.0.1, or what makes its end of a line. */
  end(device: number): number | (() => Duplex);
  pull(): Promise<void>;
  plug(): Promise<void>;
  close(): Promise<void>;
}

/** `port`: of the proxy, null while there is none. */
export async function tcpCables(port: () => number | null): Promise<Cables> {
  const relay = await openRelay(port);
  return {
    end: () => relay.port,
    pull: async () => relay.pull(),
    plug: async () => relay.plug(),
    close: () => relay.close(),
  };
}

/** Pseudo-terminals, bridged by `headwater gateway`. `folder`: for its configuration. */
export async function serialCables(
  port: () => number | null,
  folder: string,
  devices: number,
): Promise<Cables> {
  const relay = await openRelay(port);
  const ptys = await Promise.all(Array.from({ length: devices }, openPty));
  const wires = ptys.map((pty, at) => wireOf(pty, at));
  const gateway = await startGateway(folder, {
    proxy: { host: '127.0.0.1', port: relay.port },
    lines: ptys.map(({ path }) => ({ path })),
  });
  const refuse = async (refuses: boolean) => {
    await Promise.all(ptys.map(({ far }) => far.refuse(refuses)));
  };
  return {
    end: (device) => wires[device]!.uart,
    pull: () => refuse(true),
    plug: () => refuse(false),
    async close() {
      await gateway.kill();
      await relay.close();
      await Promise.all(ptys.map((pty) => pty.close()));
    },
  };
}

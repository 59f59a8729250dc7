import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { until } from '../site/until.js';

// A serial cable from a pseudo-terminal (socat makes it) to a proxy's port. Pulled, it loses what is on the way; whatever is
// typed is heard by the device beside what the proxy says.

export interface Cable {
  /** Everything that the device wrote. */
  fromDevice(): Buffer;
  pull(): void;
  plug(): void;
  toDevice(bytes: Uint8Array): void;
  toProxy(bytes: Uint8Array): void;
  close(): Promise<void>;
}

export async function openCable(path: string, port: number): Promise<Cable> {
  const pty = spawn('socat', [`pty,raw,echo=0,link=${path}`, '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  pty.stdin.on('error', () => {});
  const heard: Buffer[] = [];
  let proxy: Socket | undefined;
  const plug = () => {
    const socket = connect(port, '127.0.0.1');
    proxy = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => pty.stdin.write(bytes));
    // A proxy that ends a connection: on a serial line there is nobody who tells the device.
    socket.on('close', () => {
      if (proxy === socket) plug();
    });
  };
  pty.stdout.on('data', (bytes: Buffer) => {
    heard.push(bytes);
    proxy?.write(bytes);
  });
  plug();
  await until(() => existsSync(path));
  const pull = () => {
    const socket = proxy;
    proxy = undefined;
    socket?.destroy();
  };
  return {
    fromDevice: () => Buffer.concat(heard),
    pull,
    plug,
    toDevice: (bytes) => pty.stdin.write(bytes),
    toProxy: (bytes) => proxy?.write(bytes),
    async close() {
      pull();
      pty.kill();
      await once(pty, 'close');
    },
  };
}

import { connect, type Socket } from 'node:net';

// A serial cable from a device's end to a proxy's port. Pulled, it loses what is on the way; whatever is typed is heard by the device
// beside what the proxy says.

/** The device's end of the cable. */
export interface CableEnd {
  /** To the device. */
  write(bytes: Uint8Array): void;
  /** Set by the cable: what the device writes. */
  heard(bytes: Buffer): void;
  close(): Promise<void>;
}

export interface Cable {
  /** Everything that the device wrote. */
  fromDevice(): Buffer;
  pull(): void;
  plug(): void;
  toDevice(bytes: Uint8Array): void;
  toProxy(bytes: Uint8Array): void;
  close(): Promise<void>;
}

export function layCable(end: CableEnd, port: number): Cable {
  const heard: Buffer[] = [];
  let proxy: Socket | undefined;
  const plug = () => {
    const socket = connect(port, '127.0.0.1');
    proxy = socket;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (bytes) => end.write(bytes));
    // A proxy that ends a connection: on a serial line there is nobody who tells the device.
    socket.on('close', () => {
      if (proxy === socket) plug();
    });
  };
  end.heard = (bytes) => {
    heard.push(bytes);
    proxy?.write(bytes);
  };
  plug();
  const pull = () => {
    const socket = proxy;
    proxy = undefined;
    socket?.destroy();
  };
  return {
    fromDevice: () => Buffer.concat(heard),
    pull,
    plug,
    toDevice: (bytes) => end.write(bytes),
    toProxy: (bytes) => proxy?.write(bytes),
    async close() {
      pull();
      await end.close();
    },
  };
}

import net, { type AddressInfo } from 'node:net';
import type { FarEnd } from '../../../sdk/link-conformance.js';

/** A TCP port as the far end. */
export async function tcpFarEnd() {
  let socket: net.Socket | undefined;
  let bytes = Buffer.alloc(1 << 20);
  let length = 0;
  let stalls = false;
  let refuses = false;
  const server = net.createServer((connection) => {
    socket = connection;
    if (stalls) connection.pause();
    connection.on('error', () => {});
    connection.on('data', (chunk) => {
      if (length + chunk.length > bytes.length)
        bytes = Buffer.concat([bytes, Buffer.alloc(length)]);
      chunk.copy(bytes, length);
      length += chunk.length;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const far: FarEnd = {
    send: (data) => void socket?.write(data),
    arrived: () => bytes.subarray(0, length),
    cut: () => void socket?.resetAndDestroy(),
    refuse(value) {
      refuses = value;
    },
    stall(value) {
      stalls = value;
      if (stalls) socket?.pause();
      else socket?.resume();
    },
  };
  return {
    far,
    /** Port 1: nobody listens there. */
    connect: () => net.connect(refuses ? 1 : port, '127.0.0.1'),
    port,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

import { createMetrics } from './http/metrics.js';
import { startHttp } from './http/server.js';
import { listenSerial } from './listeners/serial.js';
import { listenTcp } from './listeners/tcp.js';
import { listenTls } from './listeners/tls.js';
import { listenUdp } from './listeners/udp.js';

// What the pipeline opens to the outside: ports for devices, and what an operator asks. Passed in as clock and disk are, so
// that a whole site runs in a simulation without a socket.

export interface Doors {
  createMetrics: typeof createMetrics;
  startHttp: typeof startHttp;
  listenSerial: typeof listenSerial;
  listenTcp: typeof listenTcp;
  listenTls: typeof listenTls;
  listenUdp: typeof listenUdp;
}

export const doorsOfMachine: Doors = {
  createMetrics,
  startHttp,
  listenSerial,
  listenTcp,
  listenTls,
  listenUdp,
};

// `npm run wire-bytes`: bytes per event on the wire for the motes' readings (temperature and humidity,
// two decimals) every 5 s ± 3 ms, in blocks of 10 and of 50, frames included. Counted at the link, from
// the SDK itself; the handshake is left out and said beside it.

import { sdkFactory } from '../../targets/instance.js';
import { ack, bodies, type Hello, parse, welcome, wire } from '../sdk/peer.js';
import { virtualEngine } from '../sdk/virtual-engine.js';
import { readMotes } from '../site/motes.js';

const instantiate = await sdkFactory();
const boot = 1_763_956_800;

interface Measured {
  events: number;
  bytes: number;
  handshakeBytes: number;
}

async function measure(eventsPerBlock: number): Promise<Measured> {
  const total: Measured = { events: 0, bytes: 0, handshakeBytes: 0 };
  let seed = 1;
  const jitterMs = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return (seed % 7) - 3;
  };
  for (const [device, readings] of await readMotes()) {
    const engine = virtualEngine();
    const sdk = instantiate(engine);
    const climate = sdk.stream('climate', { t: sdk.fixed(2), rh: sdk.fixed(2) });
    const link = wire();
    const hw = sdk.producer({ device, link, bufferBytes: 4_096, lingerMs: 1e9 });
    engine.advance(1_000);
    const hello = parse(bodies(link.written)[0] ?? new Uint8Array()) as Hello;
    total.handshakeBytes += link.written.length;
    link.written = new Uint8Array(0);
    link.say(welcome(hello.nonce, [[boot, 0, 1_000]]));
    let last = 1_000;
    readings.forEach((reading, index) => {
      const at = 5_000 * (index + 1) + jitterMs();
      engine.advance(at - last);
      last = at;
      hw.send(climate, reading);
      // A block that is full before goes out by itself.
      if ((index + 1) % eventsPerBlock === 0 || index + 1 === readings.length) sdk.flush(() => {});
      total.bytes += link.written.length;
      for (const message of link.take()) {
        if (message.type !== 'data') throw new Error(`a ${message.type} among the DATA`);
        const next = message.first + message.count;
        link.say(ack(boot, next, next + 1_000));
      }
    });
    total.events += readings.length;
  }
  return total;
}

for (const eventsPerBlock of [10, 50]) {
  const { events, bytes, handshakeBytes } = await measure(eventsPerBlock);
  console.log(
    `blocks of ${eventsPerBlock}: ${(bytes / events).toFixed(2)} bytes per event ` +
      `(${events} events, ${bytes} bytes in DATA frames; ${handshakeBytes} bytes of HELLO beside them)`,
  );
}

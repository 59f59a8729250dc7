// A process of its own that plays devices as fast as their credit lets them: `node flood.js PORT DEVICES BLOCK EVENTS…`. For each number of
// events: makes their frames, says 'ready', begins at a message, and says when all are acknowledged. What it costs is the load's, not
// the proxy's. LOAD_KEYS: a JSON object of the devices' keys.

import { once } from 'node:events';
import { LoadDevice } from './load-device.js';

export type FloodMessage =
  | { kind: 'ready'; events: number; bytes: number }
  | { kind: 'acknowledged' };

const { LOAD_KEYS: given } = process.env;
/** By device; where the proxy asks for them. */
const keys = given === undefined ? null : (JSON.parse(given) as Record<string, string>);
const [port = 0, deviceCount = 0, blockEvents = 0, ...phases] = process.argv.slice(2).map(Number);
const say = (message: FloodMessage) => process.send?.(message);
process.once('disconnect', () => process.exit(0));

const devices: LoadDevice[] = [];
for (let n = 0; n < deviceCount; n++) {
  const name = `press-${n}`;
  devices.push(await LoadDevice.open(port, name, keys?.[name]));
}
for (const events of phases) {
  const each = Math.ceil(events / deviceCount);
  let bytes = 0;
  for (const device of devices) bytes += device.prepare(each, blockEvents);
  const go = once(process, 'message');
  say({ kind: 'ready', events: each * deviceCount, bytes });
  await go;
  await Promise.all(devices.map((device) => device.flood()));
  say({ kind: 'acknowledged' });
}

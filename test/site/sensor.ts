// A device that goes on sending until it is told to finish: firmware in QuickJS with readings that have
// no end. For tests in which a device must be undisturbed by what happens.

import type { Duplex } from 'node:stream';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { type Mote, startMote } from './mote.js';
import type { Reading } from './motes.js';

export interface Sensor extends Mote {
  /** Takes no more readings; true once everything that it sent is acknowledged. */
  finish(): Promise<boolean>;
}

export interface SensorOptions {
  /** Of a proxy's TCP port; or how it connects. */
  port: number | (() => Duplex);
  device?: string;
  everyMs?: number;
  bufferBytes?: number;
  /** Of a drop on a bus. */
  address?: number;
  /** Where its proxy asks for one. */
  key?: string;
  /** Each chunk of its way is one; a number: of so many bytes at most. */
  datagrams?: boolean | number;
}

export async function startSensor(options: SensorOptions): Promise<Sensor> {
  const reading = (index: number) => ({ t: (index % 10_000) / 100, rh: 40 });
  return start(options, await build(sensorFirmware(options)), reading);
}

/** Sends as fast as it is acknowledged, 200 bytes an event: to fill a journal. */
export async function startFlood(options: SensorOptions): Promise<Sensor> {
  const pad = 'x'.repeat(180);
  const reading = (index: number) => ({ t: index, rh: 40, pad });
  return start({ everyMs: 2, ...options }, await build(floodFirmware), reading);
}

// As examples/sensor-firmware, but nothing waits a second for company.
const sensorFirmware = ({ address, key, datagrams = false }: SensorOptions) => `
  ${key === undefined ? '' : `import { auth } from 'headwater/auth';\n  auth('${key}');`}
  ${address === undefined ? '' : "import { rs485 } from 'headwater/links/rs485';"}
  ${datagrams === false ? '' : "import { datagrams } from 'headwater/links/datagrams';"}
  import { fixed, producer, stream } from 'headwater';
  import { flush } from 'headwater/flush';
  import { stats } from 'headwater/stats';

  const climate = stream('climate', { t: fixed(2), rh: fixed(2) });
  const { device, bufferBytes } = board;
  const link = ${linkOf({ address, datagrams })};
  const hw = producer({ device, link, bufferBytes, lingerMs: 50, retryBackoffMs: 100 });
  board.stats = stats;

  function sample() {
    const reading = board.read();
    if (reading === null) return flush(board.asleep, 60000);
    board.sent(hw.send(climate, reading) !== false);
    setTimeout(sample, board.everyMs);
  }

  sample();
`;

type Options<Key extends keyof SensorOptions> = { [One in Key]: SensorOptions[One] | undefined };

function linkOf({ address, datagrams }: Options<'address' | 'datagrams'>): string {
  if (datagrams !== false) return `datagrams(board.link, ${Number(datagrams) > 1 ? datagrams : 0})`;
  return address === undefined ? 'board.link' : `rs485(board.link, ${address})`;
}

const floodFirmware = `
  import { producer } from 'headwater';
  import { flush } from 'headwater/flush';
  import { stats } from 'headwater/stats';
  import { sendUndeclared } from 'headwater/undeclared';

  const { device, link, bufferBytes } = board;
  producer({ device, link, bufferBytes, lingerMs: 50 });
  board.stats = stats;

  function fill() {
    // A third of the buffer: nothing is ever given up.
    while (stats().buffered < board.bufferBytes / 700) {
      const reading = board.read();
      if (reading === null) return flush(board.asleep, 60000);
      board.sent(sendUndeclared('climate', reading) !== false);
    }
    setTimeout(fill, board.everyMs);
  }

  fill();
`;

async function build(source: string): Promise<string> {
  const entry = { source, folder: projectFolder };
  return (await buildFirmware({ entry, target: 'quickjs', minify: false })).code;
}

async function start(
  options: SensorOptions,
  code: string,
  reading: (index: number) => Reading,
): Promise<Sensor> {
  const { port, device = 'press-07', everyMs = 20, bufferBytes = 16_384 } = options;
  let finished = false;
  const mote = await startMote({
    ...{ device, port, everyMs, bufferBytes, code },
    readings: (index) => (finished ? undefined : reading(index)),
    onError(error) {
      throw error;
    },
  });
  return {
    ...mote,
    finish() {
      finished = true;
      return mote.asleep;
    },
  };
}

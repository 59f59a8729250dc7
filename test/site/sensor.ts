// A device that goes on sending until it is told to finish: the sensor firmware in QuickJS with
// readings that have no end. For tests in which a device must be undisturbed by what happens.

import { join } from 'node:path';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { type Mote, startMote } from './mote.js';
import type { Reading } from './motes.js';

export interface Sensor extends Mote {
  /** Takes no more readings; true once everything that it sent is acknowledged. */
  finish(): Promise<boolean>;
}

let building: Promise<string> | null = null;

export function sensorCode(): Promise<string> {
  const file = join(projectFolder, 'examples/sensor-firmware/firmware.ts');
  building ??= buildFirmware({ entry: { file }, target: 'quickjs', minify: true }).then(
    ({ code }) => code,
  );
  return building;
}

export interface SensorOptions {
  port: number;
  device?: string;
  everyMs?: number;
  bufferBytes?: number;
}

export async function startSensor(options: SensorOptions): Promise<Sensor> {
  const reading = (index: number) => ({ t: (index % 10_000) / 100, rh: 40 });
  return start(options, await sensorCode(), reading);
}

/** Sends as fast as it is acknowledged, 600 bytes an event: to fill a journal. */
export async function startFlood(options: SensorOptions): Promise<Sensor> {
  const entry = { source: floodFirmware, folder: projectFolder };
  const { code } = await buildFirmware({ entry, target: 'quickjs', minify: false });
  const pad = 'x'.repeat(600);
  return start({ everyMs: 2, ...options }, code, (index) => ({ t: index, rh: 40, pad }));
}

const floodFirmware = `
  import { producer } from 'headwater';
  import { flush } from 'headwater/flush';
  import { sendUndeclared } from 'headwater/undeclared';

  const hw = producer({ device: board.device, link: board.link, bufferBytes: board.bufferBytes });
  board.stats = hw.stats;

  function fill() {
    // A third of the buffer: nothing is ever given up.
    while (hw.stats().buffered < board.bufferBytes / 2000) {
      const reading = board.read();
      if (reading === null) return flush(hw, board.asleep, 60000);
      board.sent(sendUndeclared(hw, 'climate', reading) !== false);
    }
    setTimeout(fill, board.everyMs);
  }

  fill();
`;

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

// A device that goes on sending until it is told to finish: the sensor firmware in QuickJS with
// readings that have no end. For tests in which a device must be undisturbed by what happens.

import { join } from 'node:path';
import { buildFirmware } from '../../targets/build.js';
import { projectFolder } from '../kafka/jars.js';
import { type Mote, startMote } from './mote.js';

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

export async function startSensor(options: {
  port: number;
  device?: string;
  everyMs?: number;
  bufferBytes?: number;
}): Promise<Sensor> {
  const { port, device = 'press-07', everyMs = 20, bufferBytes = 16_384 } = options;
  let finished = false;
  const mote = await startMote({
    ...{ device, port, everyMs, bufferBytes, code: await sensorCode() },
    readings: (index) => (finished ? undefined : { t: (index % 10_000) / 100, rh: 40 }),
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

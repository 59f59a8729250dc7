// The readings of the four motes, in the order in which each took them.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder } from '../kafka/jars.js';

export interface Reading {
  /** °C, two decimals. */
  t: number;
  /** %, two decimals. */
  rh: number;
}

/** mote-1 … mote-4 → its readings, one every 5 s. */
export async function readMotes(): Promise<Map<string, Reading[]>> {
  const file = join(projectFolder, 'examples/sensor-firmware/motes/readings.csv');
  const motes = new Map<string, Reading[]>();
  for (const line of (await readFile(file, 'utf8')).trim().split('\n').slice(1)) {
    const [, mote, , humidity, temperature] = line.split(',');
    const device = `mote-${mote}`;
    const readings = motes.get(device) ?? [];
    motes.set(device, readings);
    readings.push({ t: Number(temperature), rh: Number(humidity) });
  }
  return motes;
}

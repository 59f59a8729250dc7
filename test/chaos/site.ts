// A scene with a Kafka of its own, in the run's folder.

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startBroker } from '../kafka/broker.js';
import { Scene, type SceneOptions } from './scene.js';

/** Kafka's waits are made for clusters; these let a killed broker come back at once. */
const settings = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
};

export async function openSite(
  options: Pick<SceneOptions, 'folder' | 'devices' | 'everyMs' | 'say'>,
): Promise<Scene> {
  const dataFolder = join(options.folder, 'kafka');
  await mkdir(dataFolder, { recursive: true });
  options.say('starting Kafka …');
  const broker = await startBroker({ dataFolder, log: options.say, settings });
  const name = `chaos-${randomBytes(4).toString('hex')}`;
  return Scene.open({ ...options, name, brokers: [broker] });
}

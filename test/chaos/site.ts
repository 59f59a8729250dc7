// A scene with a Kafka of its own, one node or a cluster, in the run's folder.

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startBroker } from '../kafka/broker.js';
import { startCluster } from '../kafka/cluster.js';
import { Scene, type SceneOptions } from './scene.js';

/** Kafka's waits are made for clusters; these let a killed broker come back at once. */
const settings = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
};

export async function openSite(
  options: Pick<
    SceneOptions,
    'folder' | 'devices' | 'everyMs' | 'ack' | 'client' | 'lanes' | 'say'
  > & {
    brokers?: number;
  },
): Promise<Scene> {
  const { say: log, brokers: count = 1 } = options;
  const dataFolder = join(options.folder, 'kafka');
  await mkdir(dataFolder, { recursive: true });
  log('starting Kafka …');
  const brokers =
    count === 1
      ? [await startBroker({ dataFolder, log, settings })]
      : await startCluster({ count, folder: dataFolder, log, settings });
  const name = `chaos-${randomBytes(4).toString('hex')}`;
  return Scene.open({ ...options, name, brokers });
}

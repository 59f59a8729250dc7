// Three nodes as a site runs them: each broker and controller, replication 3, two of them in sync for every write.
// One may be away. Each ends with this process, as broker.ts has it.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../site/until.js';
import { type Broker, freePort, freshClusterId, startBroker } from './broker.js';
import type { Log } from './jars.js';
import { withAdmin } from './topics.js';

export async function startCluster(options: {
  count: number;
  folder: string;
  log?: Log;
  settings?: Record<string, string>;
}): Promise<Broker[]> {
  const { count, folder, log, settings } = options;
  const ids = Array.from({ length: count }, (_, at) => at + 1);
  const clusterId = freshClusterId();
  const controllerPorts = await Promise.all(ids.map(() => freePort()));
  const brokers = await Promise.all(
    ids.map(async (id) => {
      const dataFolder = join(folder, `${id}`);
      await mkdir(dataFolder, { recursive: true });
      return startBroker({
        ...{ dataFolder, node: { id, clusterId, controllerPorts } },
        ...(log === undefined ? {} : { log }),
        ...(settings === undefined ? {} : { settings }),
      });
    }),
  );
  const bootstrap = brokers.map((broker) => broker.bootstrap).join(',');
  await withAdmin(bootstrap, (admin) =>
    until(async () => (await admin.describeCluster()).brokers.length === count),
  );
  return brokers;
}

// A site of its own for one run: a folder with site.yaml and a journal, topics under a prefix that no
// other run has, so that two runs beside each other never meet.

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

export interface Site {
  name: string;
  folder: string;
  /** Path of site.yaml. */
  config: string;
  /** Before each stream's name. */
  prefix: string;
  remove(): Promise<void>;
}

/** The client of all sites of a run, as KAFKA_BROKERS is their Kafka. */
const client = process.env.KAFKA_CLIENT ?? 'kafkajs';

/** `overrides` lie over the configuration, key by key of the first level. */
export async function makeSite(options: {
  bootstrap: string | null;
  label: string;
  overrides?: Record<string, unknown>;
}): Promise<Site> {
  const name = `${options.label}-${randomBytes(4).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), 'headwater-'));
  const prefix = `${name}.`;
  const config = join(folder, 'site.yaml');
  await mkdir(folder, { recursive: true });
  const content = {
    site: name,
    listen: { tcp: { host: '127.0.0.1', port: 0, auth: 'none' } },
    http: { host: '127.0.0.1', port: 0 },
    journal: { folder: join(folder, 'journal') },
    ...(options.bootstrap === null
      ? {}
      : { kafka: { client, brokers: options.bootstrap.split(','), topics: { prefix } } }),
    ...options.overrides,
  };
  await writeFile(config, stringify(content), { mode: 0o600 });
  return {
    name,
    folder,
    config,
    prefix,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

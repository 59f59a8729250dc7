// A site of its own for one run: a folder with site.yaml and a journal, topics under a prefix that no
// other run has, so that two runs beside each other never meet.

import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { stringify } from 'yaml';
import { until } from './until.js';

export interface Site {
  name: string;
  folder: string;
  /** Path of site.yaml. */
  config: string;
  /** Before each stream's name. */
  prefix: string;
  remove(): Promise<void>;
}

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
    listen: { tcp: { host: '127.0.0.1', port: 0 } },
    http: { host: '127.0.0.1', port: 0 },
    journal: { folder: join(folder, 'journal') },
    ...(options.bootstrap === null
      ? {}
      : { kafka: { brokers: options.bootstrap.split(','), topics: { prefix } } }),
    ...options.overrides,
  };
  await writeFile(config, stringify(content));
  return {
    name,
    folder,
    config,
    prefix,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Data topics are the operator's: the proxy never makes them. Resolves once all have leaders. */
export async function createTopics(
  bootstrap: string,
  topics: string[],
  numPartitions = 4,
): Promise<void> {
  await withAdmin(bootstrap, async (admin) => {
    // Not kafkajs's waitForLeaders: it fails where the broker has not heard of the topic yet.
    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic) => ({ topic, numPartitions })),
    });
    await until(async () => {
      const found = await admin.fetchTopicMetadata({ topics }).catch(() => ({ topics: [] }));
      const partitions = found.topics.flatMap((topic) => topic.partitions);
      return (
        partitions.length === topics.length * numPartitions &&
        partitions.every(({ leader }) => leader >= 0)
      );
    });
  });
}

/** Resolves once the broker has forgotten it: until then a new one of that name is the old one. */
export async function deleteTopic(bootstrap: string, topic: string): Promise<void> {
  await withAdmin(bootstrap, async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    await until(async () => !(await admin.listTopics()).includes(topic));
  });
}

/** Leaves no connection behind, whatever fails: one would keep the run alive for ever. */
export async function withAdmin<T>(
  bootstrap: string,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

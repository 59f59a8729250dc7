import { type Admin, Kafka, logLevel } from 'kafkajs';
import { until } from '../site/until.js';

// Topics as an operator makes and deletes them: a proxy never makes data topics.

/** Resolves once all partitions have leaders. */
export async function createTopics(
  bootstrap: string,
  topics: readonly string[],
  numPartitions = 4,
): Promise<void> {
  await withAdmin(bootstrap, (admin) => createTopicsBy(admin, topics, numPartitions));
}

export async function createTopicsBy(
  admin: Admin,
  names: readonly string[],
  numPartitions: number,
): Promise<void> {
  // Not kafkajs's waitForLeaders: it fails where the broker has not heard of the topic yet.
  await admin.createTopics({
    waitForLeaders: false,
    topics: names.map((topic) => ({ topic, numPartitions })),
  });
  await until(async () => {
    const found = await admin.fetchTopicMetadata({ topics: [...names] }).catch(() => null);
    const partitions = found?.topics.flatMap((topic) => topic.partitions) ?? [];
    return (
      partitions.length === names.length * numPartitions &&
      partitions.every(({ leader }) => leader >= 0)
    );
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

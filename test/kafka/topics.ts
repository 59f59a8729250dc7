import { type Admin, Kafka, logLevel } from 'kafkajs';
import { until } from '../site/until.js';

/** Makes topics and waits until each partition has a leader; kafkajs's own wait fails on a topic that the broker can't name yet. */
export async function createTopics(
  bootstrap: string,
  topics: readonly string[],
  numPartitions = 4,
): Promise<void> {
  const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await createTopicsBy(admin, topics, numPartitions);
  } finally {
    await admin.disconnect();
  }
}

export async function createTopicsBy(
  admin: Admin,
  names: readonly string[],
  numPartitions: number,
): Promise<void> {
  await admin.createTopics({
    waitForLeaders: false,
    topics: names.map((topic) => ({ topic, numPartitions })),
  });
  await until(async () => {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
      return topics.every(
        ({ partitions }) =>
          partitions.length === numPartitions && partitions.every(({ leader }) => leader >= 0),
      );
    } catch (error) {
      const { type } = error as { type?: string };
      if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE') return false;
      throw error;
    }
  });
}

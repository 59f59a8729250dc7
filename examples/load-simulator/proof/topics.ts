// The topics that a run needs. The proxy makes none, and neither does the simulator unless it is told to.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';

const leaderTries = 100;

export async function prepareTopics(
  admin: Admin,
  wanted: readonly string[],
  partitions: number | null,
): Promise<{ missing: string[]; created: string[] }> {
  const known = await admin.listTopics();
  const missing = wanted.filter((topic) => !known.includes(topic));
  if (missing.length === 0 || partitions === null) return { missing, created: [] };
  await admin.createTopics({
    waitForLeaders: false,
    topics: missing.map((topic) => ({ topic, numPartitions: partitions })),
  });
  for (let left = leaderTries; ; left--) {
    const found = await admin.fetchTopicMetadata({ topics: missing }).catch(() => null);
    const made = found?.topics.flatMap((topic) => topic.partitions) ?? [];
    const isLed = made.every(({ leader }) => leader >= 0);
    if (made.length === missing.length * partitions && isLed) break;
    if (left === 0) throw new Error(`the new topics ${missing.join(', ')} got no leaders in 10 s`);
    await sleep(100);
  }
  return { missing: [], created: missing };
}

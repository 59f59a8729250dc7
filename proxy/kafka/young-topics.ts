// A topic that was just made: for a moment its leaders don't know yet that they lead. A send isn't tried again, so a topic is good only once
// each of them answers for it. For the lane's sink and for the client of the commands beside it.

import { askEnds, type Broker, type TopicDescription } from './broker.js';
import { kafkaErrorType } from './client-errors.js';

/** The last two are one error, that kafkajs calls as Kafka did once. */
export const leaderless = [
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
];
export const youngTopic: ReadonlySet<string> = new Set([...leaderless, 'REPLICA_NOT_AVAILABLE']);
const youngForMs = 3000;

/** Tries `work` again while Kafka's answer is one of `young`, for a moment, and until `isOver`. */
export async function untilGrown<T>(
  young: ReadonlySet<string>,
  isOver: () => boolean,
  work: () => Promise<T>,
): Promise<T> {
  const untilMs = performance.now() + youngForMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isYoung = young.has(kafkaErrorType(error) ?? '');
      if (!isYoung || isOver() || performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Throws what a leader says that does not know yet that it is one. */
export async function askLeaders(
  brokerOf: (nodeId: number) => Promise<Broker>,
  topic: string,
  partitions: TopicDescription['partitionMetadata'],
): Promise<void> {
  for (const nodeId of new Set(partitions.map(({ leader }) => leader))) {
    const led = partitions.filter(({ leader }) => leader === nodeId);
    const leader = await brokerOf(nodeId);
    await askEnds(
      leader,
      topic,
      led.map(({ partitionId }) => partitionId),
    );
  }
}

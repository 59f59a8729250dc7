// What the sink asks a broker for beside writing, in the words of kafkajs, whose own class fits: both ends of a partition, reading
// without a group, topics and their settings. No client's public face gives all of it.

export interface TopicDescription {
  topic: string;
  partitionMetadata: { partitionId: number; leader: number; replicas: number[] }[];
}

export interface Broker {
  metadata(topics: string[]): Promise<{
    brokers: { nodeId: number; host: string; port: number }[];
    topicMetadata: TopicDescription[];
  }>;
  createTopics(request: {
    topics: {
      topic: string;
      numPartitions: number;
      replicationFactor: number;
      configEntries: { name: string; value: string }[];
    }[];
    timeout: number;
  }): Promise<unknown>;
  describeConfigs(request: {
    resources: { type: number; name: string; configNames?: string[] }[];
  }): Promise<{ resources: { configEntries: { configName: string; configValue: string }[] }[] }>;
  listOffsets(request: {
    replicaId: number;
    isolationLevel: number;
    topics: { topic: string; partitions: { partition: number; timestamp: string }[] }[];
  }): Promise<{ responses: { partitions: { offset: string }[] }[] }>;
  fetch(request: {
    replicaId: number;
    isolationLevel: number;
    maxWaitTime: number;
    maxBytes: number;
    topics: {
      topic: string;
      partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{ responses: { partitions: FetchedPartition[] }[] }>;
}

export interface FetchedPartition {
  abortedTransactions: { producerId: string; firstOffset: string }[] | null;
  messages: FetchedMessage[];
}

export interface FetchedMessage {
  offset: string;
  /** ms since 1970. */
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: Record<string, HeaderValue | HeaderValue[] | undefined>;
  isControlRecord: boolean;
  batchContext: { producerId: string; inTransaction: boolean };
}

type HeaderValue = Buffer | string;

export const isolation = { readUncommitted: 0, readCommitted: 1 } as const;
const anyReplica = -1;
const ends = { latest: '-1', earliest: '-2' } as const;
export const topicResource = 2;

/** The leader answers for its partitions, or is none of theirs. */
export function askEnds(
  leader: Broker,
  topic: string,
  partitions: readonly number[],
  which: keyof typeof ends = 'latest',
  isolationLevel: number = isolation.readUncommitted,
): ReturnType<Broker['listOffsets']> {
  const asked = partitions.map((partition) => ({ partition, timestamp: ends[which] }));
  const topics = [{ topic, partitions: asked }];
  return leader.listOffsets({ replicaId: anyReplica, isolationLevel, topics });
}

export async function offsetOf(
  broker: Broker,
  topic: string,
  partition: number,
  which: keyof typeof ends,
  isolationLevel: number,
): Promise<bigint> {
  const answer = await askEnds(broker, topic, [partition], which, isolationLevel);
  const offset = answer.responses[0]?.partitions[0]?.offset;
  if (offset === undefined) throw new Error(`no offset of ${topic}-${partition} in the answer`);
  return BigInt(offset);
}

/** Committed records from `from` on, and where to go on; at most about a megabyte. */
export async function fetchCommitted(
  broker: Broker,
  topic: string,
  partition: number,
  from: bigint,
): Promise<{ messages: FetchedMessage[]; next: bigint }> {
  const answer = await broker.fetch({
    replicaId: anyReplica,
    isolationLevel: isolation.readCommitted,
    maxWaitTime: 100,
    maxBytes: 1_048_576,
    topics: [
      { topic, partitions: [{ partition, fetchOffset: String(from), maxBytes: 1_048_576 }] },
    ],
  });
  const fetched = answer.responses[0]?.partitions[0];
  if (fetched === undefined) throw new Error(`no ${topic}-${partition} in the answer`);
  const last = fetched.messages.at(-1);
  // Compaction can leave a batch without records: step over it.
  const next = last === undefined ? from + 1n : BigInt(last.offset) + 1n;
  const messages = withoutAborted(fetched).filter((message) => BigInt(message.offset) >= from);
  return { messages, next };
}

/** Records outside aborted transactions, control records left out. */
export function withoutAborted(fetched: FetchedPartition): FetchedMessage[] {
  const waiting = [...(fetched.abortedTransactions ?? [])].sort((a, b) =>
    BigInt(a.firstOffset) < BigInt(b.firstOffset) ? -1 : 1,
  );
  const aborted = new Set<string>();
  return fetched.messages.filter((message) => {
    while (waiting[0] !== undefined && BigInt(waiting[0].firstOffset) <= BigInt(message.offset)) {
      aborted.add(waiting[0].producerId);
      waiting.shift();
    }
    const { producerId, inTransaction } = message.batchContext;
    if (message.isControlRecord) {
      aborted.delete(producerId);
      return false;
    }
    return !(inTransaction && aborted.has(producerId));
  });
}

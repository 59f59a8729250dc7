// What the sink needs of kafkajs 2.2.4 and its public face doesn't give: both ends of a partition,
// reading without a group, sockets that can be ended, and a timer that is mended. Every reach into
// kafkajs's own files is here. That is safe because the version is pinned and was the last one; a
// kafkajs that is laid out otherwise fails when this file is loaded, not in the field.
// KAFKA.md, "kafkajs 2.2.4", says why each is needed.

import { createRequire } from 'node:module';
import { connect as connectTcp, isIP, Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ISocketFactory, Kafka, KafkaConfig, Logger } from 'kafkajs';

/** One connection to the cluster, below kafkajs's admin and consumer. */
export interface Cluster {
  /** After `connect`: what the broker says that it speaks. */
  brokerPool: { versions: Versions };
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: number }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
}

export type Versions = Record<number, { minVersion: number; maxVersion: number } | undefined>;

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

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

const require = createRequire(import.meta.url);
const ClusterClass = require('kafkajs/src/cluster') as {
  new (options: object): Cluster;
  prototype: CoordinatorCluster;
};
const QueueClass = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
const BrokerClass = require('kafkajs/src/broker') as { prototype: TransactionBroker };

interface TransactionBroker {
  addPartitionsToTxn(request: unknown): Promise<unknown>;
  findGroupCoordinator(request: unknown): Promise<Coordinator>;
}

interface CoordinatorCluster {
  findGroupCoordinatorMetadata(request: unknown): Promise<Coordinator>;
}

interface Coordinator {
  coordinator: { nodeId?: number };
  refusal?: unknown;
}

export const isolation = { readUncommitted: 0, readCommitted: 1 } as const;
const anyReplica = -1;
const ends = { latest: '-1', earliest: '-2' } as const;
export const topicResource = 2;

/** Shares the configuration of `kafka`, not its connections. Never creates a topic. */
export function openCluster(kafka: Kafka, config: KafkaConfig): Cluster {
  const logger: Logger = kafka.logger();
  return new ClusterClass({
    ...config,
    logger,
    // As long as kafkajs's own; we ask explicitly before it passes.
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
  });
}

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

export interface Sockets {
  factory: ISocketFactory;
  /** Ends all of them at once; what kafkajs still tries after that never connects, for ever. */
  end(): void;
}

/** A connection that the other end closed, or one that could not be made. */
export interface ConnectionLost {
  why: string;
  /** It had been made. */
  established: boolean;
}

/**
 * The sockets of one sink. kafkajs's `disconnect` waits for answers that may never come, and its
 * nested retries go on after we gave up. A socket that ends before it connects leaves kafkajs's
 * promise unsettled with no timer behind it: the whole chain is forgotten.
 */
export function createSockets(onLost: (lost: ConnectionLost) => void): Sockets {
  const open = new Set<Socket>();
  let ended = false;
  const factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (ended) return deadSocket();
    // kafkajs passes TLS options, or nothing for plain TCP.
    const tls = ssl as ConnectionOptions | undefined;
    const named = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls
      ? connectTls({ host, port, ...named, ...tls }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, 60_000);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    let established = false;
    socket.once('connect', () => {
      established = true;
    });
    const lost = (why: string) => {
      if (!ended) onLost({ why, established });
    };
    socket.once('error', (error) => lost(error.message));
    // Where kafkajs itself ends the connection its writing side has ended before.
    socket.once('end', () => {
      // Its last words, such as "wrong password", are heard first.
      if (!socket.writableEnded) setImmediate(lost, `${host}:${port} closed the connection`);
    });
    return socket;
  };
  const end = () => {
    ended = true;
    for (const socket of open) {
      // kafkajs rejects what it waits for on 'end'; destroy() alone doesn't emit it.
      socket.emit('end');
      socket.destroy();
      socket.on('error', () => {});
    }
  };
  return { factory, end };
}

function deadSocket(): Socket {
  const socket = new Socket();
  process.nextTick(() => socket.emit('end'));
  return socket;
}

interface PartitionError {
  topic: string;
  partitionErrors: { partition: number; errorCode: number }[];
}

/**
 * kafkajs throws the first error of this answer and forgets whose it is. Of the neighbours of a
 * topic that is forbidden Kafka says "not attempted", and that may be the first.
 */
export function partitionsAdded<T extends { errors: PartitionError[] }>(answer: T): T {
  const failed = answer.errors.flatMap(({ topic, partitionErrors }) =>
    partitionErrors
      .filter(({ errorCode }) => errorCode !== 0)
      .map(({ errorCode }) => ({ topic, errorCode })),
  );
  const cause = failed.find(({ errorCode }) => errorCode !== notAttempted) ?? failed[0];
  if (cause === undefined) return answer;
  throw Object.assign(createErrorFromCode(cause.errorCode), { topic: cause.topic });
}

const notAttempted = 55;
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode(code: number): Error;
};
for (const version of ['v0', 'v1']) {
  const response = require(`kafkajs/src/protocol/requests/addPartitionsToTxn/${version}/response`);
  (response as { parse(answer: { errors: PartitionError[] }): unknown }).parse = async (answer) =>
    partitionsAdded(answer);
}

/** The least version of each request whose fields we need. All of them came with Kafka 0.11. */
const always = {
  Produce: 3,
  Fetch: 4,
  ListOffsets: 2,
  Metadata: 4,
  CreateTopics: 0,
  DescribeConfigs: 0,
  InitProducerId: 0,
};
const forTransactions = { GroupCoordinator: 1, AddPartitionsToTxn: 0, EndTxn: 0 };
const { requests } = require('kafkajs/src/protocol/requests') as {
  requests: Record<string, { versions: string[] }>;
};
const apiKeys = require('kafkajs/src/protocol/requests/apiKeys') as Record<string, number>;

/** Why this broker can't be spoken to; kafkajs looks at the highest version that a broker takes, never at the lowest. */
export function versionTrouble(versions: Versions, withTransactions: boolean): string | null {
  const needed = { ...always, ...(withTransactions ? forTransactions : {}) };
  for (const [name, least] of Object.entries(needed)) {
    const range = versions[apiKeys[name] ?? -1];
    const ours = Math.max(...(requests[name]?.versions ?? []).map(Number));
    if (range === undefined || range.maxVersion < least) {
      return `is too old: it does not take ${name}, version ${least}. Kafka 0.11 or newer is needed`;
    }
    if (range.minVersion > ours) {
      const from = `${name} from version ${range.minVersion} on`;
      return `is too new: it takes ${from} only, and this proxy speaks it up to ${ours}. Kafka 4 is known to work`;
    }
  }
  return null;
}

/**
 * For a producer: kafkajs sends nothing a second time. Where a batch goes to several brokers and one of them fails, its next try asks
 * another one again while that one's answer is still on its way, under new sequence numbers: those records are there twice. And what
 * moved from the one that failed to one that has answered is not sent at all. Both were seen, and both are reported as sent. NaN, since
 * it refuses 0 for an idempotent producer; no count is below it.
 */
export const sendOnce = { retries: Number.NaN };

/**
 * Of a partition that its metadata doesn't know kafkajs drops the records, and reports the rest as sent: where a topic was made anew with
 * fewer partitions, or has got more since its metadata were read.
 */
export function allAnswered(
  sent: readonly { topic: string; partitions: readonly number[] }[],
  answer: readonly { topicName: string; partition: number }[],
): void {
  const answered = new Set(answer.map(({ topicName, partition }) => `${topicName} ${partition}`));
  for (const { topic, partitions } of sent) {
    for (const partition of partitions) {
      if (answered.has(`${topic} ${partition}`)) continue;
      throw new Error(`partition ${partition} of ${topic} is not where it was`);
    }
  }
}

/**
 * Right after a commit Kafka may still be ending that transaction. kafkajs would try the whole batch again, after at least 300 ms; here
 * the one request is asked again, until it is taken or the sink's deadline ends the connection.
 */
const addPartitionsOnce = BrokerClass.prototype.addPartitionsToTxn;
const endingWaitMs = 5;
BrokerClass.prototype.addPartitionsToTxn = async function (request) {
  for (;;) {
    try {
      return await addPartitionsOnce.call(this, request);
    } catch (error) {
      if ((error as { type?: unknown }).type !== 'CONCURRENT_TRANSACTIONS') throw error;
      await new Promise((resolve) => setTimeout(resolve, endingWaitMs));
    }
  }
};

/**
 * kafkajs asks one broker after the other who coordinates a transactional id, and forgets what they say: an id that may not be used
 * looks like a Kafka without coordinators. So that refusal goes past it as an answer.
 */
const findCoordinatorOnce = BrokerClass.prototype.findGroupCoordinator;
BrokerClass.prototype.findGroupCoordinator = async function (request) {
  try {
    return await findCoordinatorOnce.call(this, request);
  } catch (error) {
    const { type } = error as { type?: unknown };
    if (type !== 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') throw error;
    return { coordinator: {}, refusal: error };
  }
};
const findCoordinatorOfAll = ClusterClass.prototype.findGroupCoordinatorMetadata;
ClusterClass.prototype.findGroupCoordinatorMetadata = async function (request) {
  const found = await findCoordinatorOfAll.call(this, request);
  if (found.refusal !== undefined) throw found.refusal;
  return found;
};

/**
 * What InitProducerId retries with while another transaction of its id ends or the coordinator is loading.
 * kafkajs forgets to set it and waits up to 5 s between two tries.
 */
Object.defineProperty(ClusterClass.prototype, 'retry', {
  value: { initialRetryTime: 20, factor: 0.2, multiplier: 1.5, maxRetryTime: 300, retries: 40 },
});

/** kafkajs re-arms this timer with a negative delay, for ever: once a millisecond and connection. */
QueueClass.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
  // An answer that makes room and `push` both come here again: nothing pending, nothing to do.
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const delayMs = Math.max(10, this.throttledUntil - Date.now());
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, delayMs);
};

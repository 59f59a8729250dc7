// What the sink needs of kafkajs 2.2.4 and its public face doesn't give: its connections to single
// brokers, sockets that can be ended, and a timer that is mended. Every reach into
// kafkajs's own files is here. That is safe because the version is pinned and was the last one; a
// kafkajs that is laid out otherwise fails when this file is loaded, not in the field.
// KAFKA.md, "kafkajs 2.2.4", says why each is needed.

import { createRequire } from 'node:module';
import { connect as connectTcp, isIP, Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ISocketFactory, Kafka, KafkaConfig, Logger } from 'kafkajs';
import type { ConnectionLost } from './bounded-calls.js';
import type { Broker } from './broker.js';
import { type RequestName, type VersionRange, versionTrouble } from './protocol-versions.js';

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

export type Versions = Record<number, VersionRange | undefined>;

interface RequestQueue {
  pending: unknown[];
  inflight: Map<number, { sentAt: number | null; requestTimeout: number; timeoutRequest(): void }>;
  enforceRequestTimeout: boolean;
  requestTimeout: number;
  requestTimeoutIntervalId: NodeJS.Timeout | null;
  scheduleRequestTimeoutCheck(): void;
  /** Stops looking. */
  destroy(): void;
  isConnected(): boolean;
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

export interface Sockets {
  factory: ISocketFactory;
  /** Ends all of them at once; what kafkajs still tries after that never connects, for ever. */
  end(): void;
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
  throwCause(failed);
  return answer;
}

interface Produced {
  topics: { topicName: string; partitions: { errorCode: number }[] }[];
}

/** The same of an answer to Produce: what was forbidden since its topic was taken into the transaction. */
export function recordsTaken<T extends Produced>(answer: T): T {
  const failed = answer.topics.flatMap(({ topicName, partitions }) =>
    partitions
      .filter(({ errorCode }) => errorCode !== 0)
      .map(({ errorCode }) => ({ topic: topicName, errorCode })),
  );
  throwCause(failed);
  return answer;
}

function throwCause(failed: readonly { topic: string; errorCode: number }[]): void {
  const cause = failed.find(({ errorCode }) => errorCode !== notAttempted) ?? failed[0];
  if (cause === undefined) return;
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
for (const version of ['v3', 'v4', 'v5', 'v6', 'v7']) {
  const response = require(`kafkajs/src/protocol/requests/produce/${version}/response`);
  (response as { parse(answer: Produced): unknown }).parse = async (answer) => recordsTaken(answer);
}

const { requests } = require('kafkajs/src/protocol/requests') as {
  requests: Record<string, { versions: string[] }>;
};
const apiKeys = require('kafkajs/src/protocol/requests/apiKeys') as Record<string, number>;
/** What kafkajs calls otherwise than Kafka. */
const ownNames: Partial<Record<RequestName, string>> = { FindCoordinator: 'GroupCoordinator' };

/** Why this broker can't be spoken to. */
export function kafkajsTrouble(versions: Versions, withTransactions: boolean): string | null {
  const own = (name: RequestName) => ownNames[name] ?? name;
  return versionTrouble(
    (name) => versions[apiKeys[own(name)] ?? -1],
    (name) => Math.max(...(requests[own(name)]?.versions ?? []).map(Number)),
    withTransactions,
  );
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

/** kafkajs looks at each connection ten times a second whether an answer is overdue: most of what an idle lane costs. */
const timeoutLookMs = 500;
QueueClass.prototype.scheduleRequestTimeoutCheck = function (this: RequestQueue) {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(
    () => {
      for (const request of this.inflight.values()) {
        if (Date.now() - (request.sentAt ?? 0) > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    },
    Math.min(this.requestTimeout / 5, timeoutLookMs),
  );
};

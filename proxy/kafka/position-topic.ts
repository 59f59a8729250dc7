// The topic that holds every lane's position and claim: made where it is missing, and checked at
// each start, since one with the wrong settings forgets positions and then events come twice.
// KAFKA.md [K-10] to [K-12]

import type { Position } from '../journal/record.js';
import { type Broker, type FetchedMessage, topicResource } from './broker.js';
import { kafkaErrorType } from './client-errors.js';
import type { Claim, LaneState } from './sink.js';
import { SinkError } from './sink.js';

/** One per lane: a lane beyond them is refused with the command that adds some. */
const partitionsAtCreation = 16;
const replicasWanted = 3;
const inSyncWanted = 2;

export interface PositionTopic {
  topic: string;
  lane: number;
  /** For the commands that mend: host:port,… */
  bootstrap: string;
}

export { positionTopicOf } from './position-name.js';

export const positionKey = (lane: number): string => `position/${lane}`;
export const claimKey = (lane: number): string => `claim/${lane}`;

/** Creates the topic where it is missing, or refuses its settings. */
export async function ensurePositionTopic(broker: Broker, where: PositionTopic): Promise<void> {
  const described = await describe(broker, where);
  if (described === null) {
    await create(broker, where);
    return;
  }
  const { brokers, topicMetadata } = described;
  const partitions = topicMetadata[0]?.partitionMetadata ?? [];
  if (partitions.length <= where.lane) throw tooFewPartitions(where, partitions.length);
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  if (replicas < Math.min(replicasWanted, brokers.length)) {
    throw tooFewReplicas(
      where,
      partitions.map(({ partitionId }) => partitionId),
      brokers.map(({ nodeId }) => nodeId),
    );
  }
  await checkSettings(broker, where, replicas);
}

async function describe(broker: Broker, where: PositionTopic) {
  try {
    return await broker.metadata([where.topic]);
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null;
    throw error;
  }
}

async function create(broker: Broker, where: PositionTopic): Promise<void> {
  const brokerCount = (await broker.metadata([])).brokers.length;
  const replicationFactor = Math.min(replicasWanted, brokerCount);
  const settings: Record<string, string> = {
    'cleanup.policy': 'compact',
    // Compaction leaves the newest segment alone, and a start reads what it left.
    'segment.bytes': '1048576',
    'min.cleanable.dirty.ratio': '0.1',
    ...(replicationFactor >= replicasWanted ? { 'min.insync.replicas': `${inSyncWanted}` } : {}),
  };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const { topic } = where;
  const fresh = { topic, numPartitions: partitionsAtCreation, replicationFactor, configEntries };
  try {
    await broker.createTopics({ topics: [fresh], timeout: 5000 });
  } catch (error) {
    if (kafkaErrorType(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
  }
}

async function checkSettings(broker: Broker, where: PositionTopic, replicas: number) {
  const wanted = ['cleanup.policy', 'min.insync.replicas'];
  const resource = { type: topicResource, name: where.topic, configNames: wanted };
  const { resources } = await broker.describeConfigs({ resources: [resource] });
  const settings = new Map(
    resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]),
  );
  const policy = settings.get('cleanup.policy');
  if (policy !== 'compact') {
    throw wrongSetting(where, `cleanup.policy is '${policy}'`, 'cleanup.policy=compact');
  }
  const inSync = Number(settings.get('min.insync.replicas'));
  if (replicas >= replicasWanted && inSync < inSyncWanted) {
    const setting = `min.insync.replicas=${inSyncWanted}`;
    throw wrongSetting(where, `min.insync.replicas is ${inSync}`, setting);
  }
}

function wrongSetting(where: PositionTopic, found: string, setting: string): SinkError {
  return misconfigured(
    where,
    `${found}, and positions would be lost`,
    `kafka-configs.sh --bootstrap-server ${where.bootstrap} --alter ` +
      `--entity-type topics --entity-name ${where.topic} --add-config ${setting}`,
  );
}

function tooFewPartitions(where: PositionTopic, count: number): SinkError {
  return misconfigured(
    where,
    `it has ${count} partitions, and lane ${where.lane} needs one of its own`,
    `kafka-topics.sh --bootstrap-server ${where.bootstrap} --alter ` +
      `--topic ${where.topic} --partitions ${where.lane + 1}`,
  );
}

function tooFewReplicas(where: PositionTopic, ids: number[], nodes: number[]): SinkError {
  const replicas = [...nodes].sort((a, b) => a - b).slice(0, replicasWanted);
  const partitions = ids.map((partition) => ({ topic: where.topic, partition, replicas }));
  const plan = JSON.stringify({ version: 1, partitions });
  return misconfigured(
    where,
    `it has fewer than ${replicas.length} replicas, and positions could be lost`,
    `echo '${plan}' > positions.json && kafka-reassign-partitions.sh ` +
      `--bootstrap-server ${where.bootstrap} --reassignment-json-file positions.json --execute`,
  );
}

function misconfigured(where: PositionTopic, why: string, command: string): SinkError {
  const message = `topic ${where.topic}: ${why}; mend it with: ${command}`;
  return new SinkError('misconfigured', message, { topic: where.topic });
}

/** What the newest of these records, oldest first, say about the lane. */
export function newestState(messages: readonly FetchedMessage[], lane: number): Partial<LaneState> {
  const state: Partial<LaneState> = {};
  for (const { key, value } of messages) {
    const name = key?.toString();
    if (name === positionKey(lane)) state.position = parsePosition(value);
    if (name === claimKey(lane)) state.claim = parseClaim(value);
  }
  return state;
}

function parsePosition(value: Buffer | null): Position | null {
  const found = parse(value);
  if (found === null) return null;
  const { lane, journal, generation, offset, end, check } = found;
  const numbers = [lane, generation, offset, end, check];
  if (typeof journal !== 'string' || !numbers.every(Number.isSafeInteger)) throw unreadable(value);
  return { journal, ...(found as Omit<Position, 'journal'>) };
}

function parseClaim(value: Buffer | null): Claim | null {
  const found = parse(value);
  if (found === null) return null;
  const { lane, owner, journal, host, proxy } = found;
  const texts = [owner, journal, host, proxy ?? ''].every((text) => typeof text === 'string');
  if (!texts || !Number.isSafeInteger(lane)) throw unreadable(value);
  return { lane, owner, journal, host, ...(proxy === undefined ? {} : { proxy }) } as Claim;
}

function parse(value: Buffer | null): Record<string, unknown> | null {
  if (value === null) return null;
  try {
    const found: unknown = JSON.parse(value.toString());
    if (typeof found === 'object' && found !== null) return found as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw unreadable(value);
}

function unreadable(value: Buffer | null): SinkError {
  const text = value?.toString().slice(0, 80);
  return new SinkError(
    'misconfigured',
    `the position topic holds a record that is none of ours: ${text}; ` +
      `another program writes there, or a newer proxy did`,
  );
}

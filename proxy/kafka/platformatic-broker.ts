// broker.ts on a connection of @platformatic/kafka: the same questions and answers in the library's words.

import type { Broker, FetchedMessage, FetchedPartition } from './broker.js';
import type { Answer, BrokerConnection } from './platformatic-connection.js';

const noSession = { id: 0, epoch: -1 };

export function platformaticBroker(
  connection: BrokerConnection,
  onMetadata: (answer: Answer<'Metadata'>) => void,
): Broker {
  return {
    async metadata(topics) {
      // None named: all of them.
      const answer = await connection.ask('Metadata', topics.length === 0 ? null : topics, false);
      onMetadata(answer);
      const topicMetadata = answer.topics.map(({ name, partitions }) => ({
        topic: name ?? '',
        partitionMetadata: partitions.map(({ partitionIndex, leaderId, replicaNodes }) => {
          return { partitionId: partitionIndex, leader: leaderId, replicas: replicaNodes };
        }),
      }));
      return { brokers: answer.brokers, topicMetadata };
    },
    createTopics({ topics, timeout }) {
      const asked = topics.map(({ topic, numPartitions, replicationFactor, configEntries }) => {
        const configs = configEntries;
        return { name: topic, numPartitions, replicationFactor, assignments: [], configs };
      });
      return connection.ask('CreateTopics', asked, timeout, false);
    },
    async describeConfigs({ resources }) {
      const asked = resources.map(({ type, name, configNames = [] }) => {
        return { resourceType: type, resourceName: name, configurationKeys: configNames };
      });
      const { results } = await connection.ask('DescribeConfigs', asked as never);
      return {
        resources: results.map(({ configs }) => ({
          configEntries: configs.map(({ name, value }) => {
            return { configName: name, configValue: value ?? '' };
          }),
        })),
      };
    },
    async listOffsets({ replicaId, isolationLevel, topics }) {
      const asked = topics.map(({ topic, partitions }) => ({
        name: topic,
        partitions: partitions.map(({ partition, timestamp }) => {
          const anyEpoch = { currentLeaderEpoch: -1 };
          return { partitionIndex: partition, timestamp: BigInt(timestamp), ...anyEpoch };
        }),
      }));
      const answer = await connection.ask('ListOffsets', replicaId, isolationLevel, asked);
      const responses = answer.topics.map(({ partitions }) => {
        return { partitions: partitions.map(({ offset }) => ({ offset: String(offset) })) };
      });
      return { responses };
    },
    async fetch({ isolationLevel, maxWaitTime, maxBytes, topics }) {
      const asked = topics.map(({ topic, partitions }) => ({
        topicId: topic,
        partitions: partitions.map((one) => ({
          ...{ partition: one.partition, fetchOffset: BigInt(one.fetchOffset) },
          ...{ partitionMaxBytes: one.maxBytes, currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
        })),
      }));
      const { responses } = await connection.ask(
        'Fetch',
        maxWaitTime,
        1,
        maxBytes,
        isolationLevel,
        noSession.id,
        noSession.epoch,
        asked,
        [],
        '',
      );
      return {
        responses: responses.map(({ partitions }) => ({ partitions: partitions.map(fetched) })),
      };
    },
  };
}

type Partition = Answer<'Fetch'>['responses'][number]['partitions'][number];
type Batch = NonNullable<Partition['records']>[number];

function fetched({ abortedTransactions, records }: Partition): FetchedPartition {
  const aborted = (abortedTransactions ?? []).map(({ producerId, firstOffset }) => {
    return { producerId: String(producerId), firstOffset: String(firstOffset) };
  });
  return { abortedTransactions: aborted, messages: (records ?? []).flatMap(messagesOf) };
}

const inTransaction = 0b1_0000;
const isControl = 0b10_0000;

function messagesOf(batch: Batch): FetchedMessage[] {
  const { attributes, firstOffset, firstTimestamp, producerId, records } = batch;
  const batchContext = {
    producerId: String(producerId),
    inTransaction: (attributes & inTransaction) !== 0,
  };
  return records.map((record) => ({
    offset: String(firstOffset + BigInt(record.offsetDelta)),
    timestamp: String(firstTimestamp + record.timestampDelta),
    ...{ key: record.key, value: record.value, batchContext },
    isControlRecord: (attributes & isControl) !== 0,
  }));
}

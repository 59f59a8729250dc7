// A producer of kafkajs with the sink's rules: it sends nothing a second time, and what it says was sent is in Kafka. KAFKA.md [K-30]

import type { Kafka, Producer as KafkajsProducer, Message, RecordMetadata } from 'kafkajs';
import type { Part, Producer, ProducerOptions, Sender } from './client.js';
import type { CompressionOf } from './compression.js';
import { allAnswered, sendOnce } from './kafkajs-internals.js';
import { grouped } from './kafkajs-produce.js';

/** Of every producer of ours, whatever it sends. */
export const producerOptions = {
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  retry: sendOnce,
  // Asked even for a message that says its partition, and every message does.
  createPartitioner:
    () =>
    ({ message }: { message: Message }) =>
      message.partition ?? 0,
};

export function kafkajsProducer(kafka: Kafka, options: ProducerOptions): Producer<Message> {
  const { transactionalId, transactionTimeoutMs: transactionTimeout } = options;
  const producer = kafka.producer({
    ...producerOptions,
    ...(transactionalId === null ? { idempotent: true } : { transactionalId, transactionTimeout }),
  });
  return {
    ...senderOf(producer, options),
    connect: () => producer.connect(),
    async begin() {
      const transaction = await producer.transaction();
      const commit = () => transaction.commit();
      return { ...senderOf(transaction, options), commit };
    },
  };
}

function senderOf(sender: BatchSender, options: ProducerOptions): Sender<Message> {
  const { requestTimeoutMs, compression } = options;
  return {
    async send(part) {
      const answer = await sendAll(sender, part, requestTimeoutMs, compression);
      return answer.map(({ topicName, partition, baseOffset = '-1' }) => {
        return { topic: topicName, partition, baseOffset: BigInt(baseOffset) };
      });
    },
  };
}

type BatchSender = Pick<KafkajsProducer, 'sendBatch'>;

/** All of it in one request to each broker, acknowledged by all in-sync replicas. */
export async function sendAll(
  sender: BatchSender,
  part: Part<Message>,
  timeout: number,
  compression: CompressionOf = () => null,
): Promise<RecordMetadata[]> {
  const topicMessages = part.map((one) => grouped(one, compression(one.topic)));
  const answer = await sender.sendBatch({ acks: -1, timeout, topicMessages });
  allAnswered(topicMessages, answer);
  return answer;
}

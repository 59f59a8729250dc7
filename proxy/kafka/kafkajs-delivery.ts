// lane → sink ⇒ commit: how a batch and its position get into Kafka, the one thing in which the two kinds of delivery differ. KAFKA.md
// [K-2], [K-42]
// Guarantees of both: the position never gets there without the records; one error ends it, since kafkajs's producer would report what
// it lost as sent ([K-30]).

import type { Kafka, Message, Producer, RecordMetadata, TopicMessages } from 'kafkajs';
import { allAnswered, sendOnce } from './kafkajs-internals.js';
import { grouped } from './kafkajs-produce.js';
import { SinkError } from './sink.js';

export interface Delivery {
  connect(): Promise<void>;
  /** One part after the other, then our own message: the claim, or the position that says that the parts are there. */
  write(parts: readonly Part[], own: OwnMessage): Promise<void>;
}

/** Goes in one request to each broker. */
export type Part = readonly TopicMessages[];

export interface OwnMessage {
  topic: string;
  message: Message;
}

/** Which of the parts it was. */
export class PartError extends Error {
  readonly part: number;
  constructor(part: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.part = part;
  }
}

export interface DeliveryOptions {
  transactionalId: string;
  transactionTimeoutMs: number;
  requestTimeoutMs: number;
}

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

/** All in one transaction. The first write fences whoever had the transactional id. */
export function exactlyOnce(kafka: Kafka, options: DeliveryOptions): Delivery {
  const { transactionalId, transactionTimeoutMs: transactionTimeout } = options;
  const producer = kafka.producer({ ...producerOptions, transactionalId, transactionTimeout });
  return {
    connect: () => producer.connect(),
    async write(parts, own) {
      const transaction = await producer.transaction();
      const [only, ...more] = parts;
      // The position goes along with it: one request less.
      const isOne = only !== undefined && more.length === 0;
      const all = isOne ? [withOwn(only, own)] : [...parts, withOwn([], own)];
      for (const [at, part] of all.entries()) await sendPart(transaction, options, part, at);
      await transaction.commit();
    },
  };
}

/**
 * The records first; the position once they are acknowledged. Nothing in Kafka fences the owner before. But one lane alone writes to
 * this partition of the position topic, so that our next message lies right behind our last: where it does not, another owner has
 * written its claim, and the lane reads whose it is ([K-31]).
 */
export function atLeastOnce(kafka: Kafka, options: DeliveryOptions): Delivery {
  const producer = kafka.producer({ ...producerOptions, idempotent: true });
  let before: bigint | null = null;
  return {
    connect: () => producer.connect(),
    async write(parts, own) {
      for (const [at, part] of parts.entries()) await sendPart(producer, options, part, at);
      const [answer] = await sendPart(producer, options, withOwn([], own), parts.length);
      const offset = BigInt(answer?.baseOffset ?? -1);
      const isNext = before === null || offset === before + 1n + besides(parts, own);
      before = offset;
      if (!isNext) throw new SinkError('epoch', 'somebody else has written to the position topic');
    },
  };
}

/** What of the parts lies between our messages: an adoption's note, where the position topic has few partitions. */
function besides(parts: readonly Part[], { topic, message }: OwnMessage): bigint {
  const there = parts.flat().filter((one) => one.topic === topic);
  const messages = there.flatMap((one) => one.messages);
  return BigInt(messages.filter(({ partition }) => partition === message.partition).length);
}

type Sender = Pick<Producer, 'sendBatch'>;

/** All of it in one request to each broker, acknowledged by all in-sync replicas. */
export async function sendAll(
  sender: Sender,
  part: Part,
  timeout: number,
): Promise<RecordMetadata[]> {
  const topicMessages = part.map(grouped);
  const answer = await sender.sendBatch({ acks: -1, timeout, topicMessages });
  allAnswered(topicMessages, answer);
  return answer;
}

async function sendPart(
  sender: Sender,
  { requestTimeoutMs: timeout }: DeliveryOptions,
  part: Part,
  at: number,
): Promise<RecordMetadata[]> {
  try {
    return await sendAll(sender, part, timeout);
  } catch (error) {
    throw new PartError(at, error);
  }
}

/** [K-40] No record is for the position topic; were one, it would be no reason to lose it. */
function withOwn(part: Part, { topic, message }: OwnMessage): Part {
  const others = part.filter((one) => one.topic !== topic);
  const same = part.find((one) => one.topic === topic)?.messages ?? [];
  return [...others, { topic, messages: [...same, message] }];
}

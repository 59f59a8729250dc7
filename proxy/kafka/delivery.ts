// client-sink ⇒ commit: how a batch and its position get into Kafka, the one thing in which the two kinds of delivery differ. KAFKA.md
// [K-2], [K-42]
// Guarantees of both: the position never gets there without the records; one error ends it ([K-30]).

import type { Part, Producer, Sender, SentMessage, Written } from './client.js';
import { SinkError } from './sink.js';

export interface Delivery<Message> {
  connect(): Promise<void>;
  /** One part after the other, then our own message: the claim, or the position that says that the parts are there. */
  write(parts: readonly Part<Message>[], own: OwnMessage<Message>): Promise<void>;
}

export interface OwnMessage<Message> {
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

/** All in one transaction. The first write fences whoever had the transactional id. */
export function exactlyOnce<M extends SentMessage>(producer: Producer<M>): Delivery<M> {
  return {
    connect: () => producer.connect(),
    async write(parts, own) {
      const transaction = await producer.begin();
      const [only, ...more] = parts;
      // The position goes along with it: one request less.
      const isOne = only !== undefined && more.length === 0;
      const all = isOne ? [withOwn(only, own)] : [...parts, withOwn([], own)];
      for (const [at, part] of all.entries()) await sendPart(transaction, part, at);
      await transaction.commit();
    },
  };
}

/**
 * The records first; the position once they are acknowledged. Nothing in Kafka fences the owner before. But one lane alone writes to
 * this partition of the position topic, so that our next message lies right behind our last: where it does not, another owner has
 * written its claim, and the lane reads whose it is ([K-31]).
 */
export function atLeastOnce<M extends SentMessage>(producer: Producer<M>): Delivery<M> {
  let before: bigint | null = null;
  return {
    connect: () => producer.connect(),
    async write(parts, own) {
      for (const [at, part] of parts.entries()) await sendPart(producer, part, at);
      const [answer] = await sendPart(producer, withOwn([], own), parts.length);
      const offset = answer?.baseOffset ?? -1n;
      const isNext = before === null || offset === before + 1n + besides(parts, own);
      before = offset;
      if (!isNext) throw new SinkError('epoch', 'somebody else has written to the position topic');
    },
  };
}

/** What of the parts lies between our messages: an adoption's note, where the position topic has few partitions. */
function besides<M extends SentMessage>(
  parts: readonly Part<M>[],
  { topic, message }: OwnMessage<M>,
): bigint {
  const there = parts.flat().filter((one) => one.topic === topic);
  const messages = there.flatMap((one) => one.messages);
  return BigInt(messages.filter(({ partition }) => partition === message.partition).length);
}

async function sendPart<M>(
  sender: Sender<M>,
  part: Part<M>,
  at: number,
): Promise<readonly Written[]> {
  try {
    return await sender.send(part);
  } catch (error) {
    throw new PartError(at, error);
  }
}

/** [K-40] No record is for the position topic; were one, it would be no reason to lose it. */
function withOwn<M>(part: Part<M>, { topic, message }: OwnMessage<M>): Part<M> {
  const others = part.filter((one) => one.topic !== topic);
  const same = part.find((one) => one.topic === topic)?.messages ?? [];
  return [...others, { topic, messages: [...same, message] }];
}

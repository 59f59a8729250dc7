// The dead-letter topic as the commands read it: letters in the order in which they were made, and which of them were resent.
// Its look at the topic's end waits for what hides it: a note behind somebody's open transaction must not be overlooked. KAFKA.md [K-38]

import { setTimeout as sleep } from 'node:timers/promises';
import { type FetchedMessage, fetchCommitted, isolation, offsetOf } from './broker.js';
import { type DeadLetter, type ResentNote, readFound } from './dead-letter.js';
import type { Client } from './kafkajs-client.js';
import { OffsetRanges } from './offset-ranges.js';
import { SinkError } from './sink.js';

interface Part {
  partition: number;
  begin: bigint;
  /** What lies below was looked through for notes. */
  end: bigint;
  resent: OffsetRanges;
}

/** A lane that was killed leaves a transaction open for 15 s, and Kafka looks every 10. */
const patienceMs = 40_000;
const triesMax = 5;
const againMs = 500;

export class LetterTopic {
  readonly topic: string;
  readonly #client: Client;
  #parts: Part[] = [];
  /** Letters that the looks have seen. */
  letters = 0;

  constructor(client: Client, topic: string) {
    this.#client = client;
    this.topic = topic;
  }

  get partitions(): number {
    return this.#parts.length;
  }

  isResent({ partition, offset }: DeadLetter): boolean {
    return this.#parts[partition]?.resent.has(offset) === true;
  }

  /**
   * Looks through what is new since the last look, up to the topic's end, and answers the notes that it found. Throws
   * topic-missing.
   */
  async look(onWait: () => void = () => {}): Promise<ResentNote[]> {
    const count = await this.#client.partitionCount(this.topic);
    for (let partition = this.#parts.length; partition < count; partition++) {
      const begin = await this.#tried(partition, (broker) =>
        offsetOf(broker, this.topic, partition, 'earliest', isolation.readUncommitted),
      );
      this.#parts.push({ partition, begin, end: begin, resent: new OffsetRanges() });
    }
    const notes: ResentNote[] = [];
    for (const part of this.#parts) {
      const end = await this.#stableEnd(part.partition, onWait);
      for await (const message of this.#messages(part.partition, part.end, end)) {
        const found = readFound(message, part.partition);
        if (found.kind === 'letter') this.letters++;
        if (found.kind !== 'note') continue;
        part.resent.add(found.note.resent);
        notes.push(found.note);
      }
      part.end = end;
    }
    return notes;
  }

  /** All letters up to the last look's end: each partition's in its order, the partitions by the time of their making. */
  async *read(): AsyncGenerator<DeadLetter> {
    const heads: { letter: DeadLetter; rest: AsyncGenerator<DeadLetter> }[] = [];
    for (const { partition, begin, end } of this.#parts) {
      const rest = this.#lettersOf(partition, begin, end);
      const { value: letter } = await rest.next();
      if (letter !== undefined) heads.push({ letter, rest });
    }
    for (;;) {
      const first = heads.reduce<(typeof heads)[number] | null>(
        (best, head) => (best !== null && best.letter.madeMs <= head.letter.madeMs ? best : head),
        null,
      );
      if (first === null) return;
      yield first.letter;
      const { value: letter } = await first.rest.next();
      if (letter === undefined) heads.splice(heads.indexOf(first), 1);
      else first.letter = letter;
    }
  }

  async *#lettersOf(partition: number, begin: bigint, end: bigint): AsyncGenerator<DeadLetter> {
    for await (const message of this.#messages(partition, begin, end)) {
      const found = readFound(message, partition);
      if (found.kind === 'letter') yield found.letter;
    }
  }

  async *#messages(partition: number, begin: bigint, end: bigint): AsyncGenerator<FetchedMessage> {
    for (let offset = begin; offset < end; ) {
      const { messages, next } = await this.#tried(partition, (broker) =>
        fetchCommitted(broker, this.topic, partition, offset),
      );
      for (const message of messages) if (BigInt(message.offset) < end) yield message;
      offset = next;
    }
  }

  /** The end that everybody sees, once no open transaction is before it. */
  async #stableEnd(partition: number, onWait: () => void): Promise<bigint> {
    const at = (level: number) =>
      this.#tried(partition, (broker) => offsetOf(broker, this.topic, partition, 'latest', level));
    const end = await at(isolation.readUncommitted);
    const untilMs = performance.now() + patienceMs;
    for (let isSaid = false; (await at(isolation.readCommitted)) < end; ) {
      if (performance.now() > untilMs) {
        const where = `partition ${partition} of ${this.topic}`;
        const message = `somebody's open transaction hides the end of ${where}: try again later`;
        throw new SinkError('unreachable', message);
      }
      await sleep(20);
      if (!isSaid) onWait();
      isSaid = true;
    }
    return end;
  }

  /** Reading once more harms nobody. */
  async #tried<T>(
    partition: number,
    work: (broker: Awaited<ReturnType<Client['leader']>>) => Promise<T>,
  ): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#client.bounded('read', async () =>
          work(await this.#client.leader(this.topic, partition)),
        );
      } catch (error) {
        const isPassing = error instanceof SinkError && error.kind === 'unreachable';
        if (!isPassing || tries === triesMax) throw error;
        await sleep(againMs);
      }
    }
  }
}

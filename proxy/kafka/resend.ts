// `headwater dlq resend` without kafkajs, disk and terminal: letters in their order, a transaction at a time, until each is in its own
// topic or says why it stays. Guarantees: a letter is sent once, whoever was killed, fenced or unanswered in between, since what was sent
// is read from the notes after each fence, and never remembered from a call that failed. KAFKA.md [K-38]

import { type DeadLetter, type ResentNote, toResent } from './dead-letter.js';
import type { LetterSender, Outgoing } from './kafkajs-letters.js';
import { SinkError } from './sink.js';

export interface Letters {
  look(onWait?: () => void): Promise<ResentNote[]>;
  read(): AsyncIterable<DeadLetter>;
  isResent(letter: DeadLetter): boolean;
}

export interface ResendParts {
  letters: Letters;
  deadTopic: string;
  /** A new one for each attempt. */
  openSender(): LetterSender;
  /** Its whole value; a text where it is not to be had: why. */
  valueOf(letter: DeadLetter): Promise<Uint8Array | string>;
  isMeant(letter: DeadLetter): boolean;
  /** At most so many are tried. */
  limit: number;
  run: string;
  isTooLarge(error: SinkError): boolean;
  pause(ms: number): Promise<void>;
  onSent(letters: number): void;
  onWait(): void;
}

export interface Resent {
  sent: number;
  before: number;
  /** Those that could not be sent, by topic and reason. */
  stays: { topic: string; why: string; letters: number }[];
}

/** Another run of the command goes on from here. */
export class TakenOverError extends Error {
  override name = 'TakenOverError';
}

const lettersMax = 200;
const bytesMax = 400_000;
/** Letters in a transaction of a request each: it must end within its time-out. */
const apartMax = 20;
const failuresMax = 5;
const pauseMs = 1000;

export function resend(parts: ResendParts): Promise<Resent> {
  return new Run(parts).run();
}

class Run {
  readonly #parts: ResendParts;
  readonly #result: Resent = { sent: 0, before: 0, stays: [] };
  #sender: LetterSender | null = null;
  #failures = 0;
  /** Topics that can't be written now. */
  readonly #bad = new Map<string, string>();
  /** Of a topic the smallest size that was refused, so that a thousand of its kind are not a thousand refusals. */
  readonly #tooLarge = new Map<string, { bytes: number; why: string }>();

  constructor(parts: ResendParts) {
    this.#parts = parts;
  }

  async run(): Promise<Resent> {
    try {
      await this.#begin(false);
      for await (const batch of this.#batches()) await this.#deliver(batch, false);
      return this.#result;
    } finally {
      this.#sender?.close();
    }
  }

  /** Fence first, then look: what is committed behind the look can only be another run's. */
  async #begin(isAgain: boolean): Promise<void> {
    const { letters, openSender, onWait, run } = this.#parts;
    for (;;) {
      this.#sender?.close();
      this.#sender = openSender();
      try {
        await this.#sender.fence();
        const notes = await letters.look(onWait);
        if (isAgain && notes.some((note) => note.run !== run)) throw takenOver();
        return;
      } catch (error) {
        if (!(error instanceof SinkError)) throw error;
        await this.#blame(error);
      }
    }
  }

  async *#batches(): AsyncGenerator<Outgoing[]> {
    const { letters, limit } = this.#parts;
    let batch: Outgoing[] = [];
    let bytes = 0;
    let tried = 0;
    for await (const letter of letters.read()) {
      if (tried >= limit) break;
      if (!this.#parts.isMeant(letter)) continue;
      if (letters.isResent(letter)) {
        this.#result.before++;
        continue;
      }
      tried++;
      const value = await this.#parts.valueOf(letter);
      if (typeof value === 'string') {
        this.#stays(letter, value);
        continue;
      }
      if (batch.length > 0 && bytes + value.length > bytesMax) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push({ letter, record: toResent(letter, value) });
      bytes += value.length;
      if (batch.length < lettersMax) continue;
      yield batch;
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  async #deliver(whole: readonly Outgoing[], isApart: boolean): Promise<void> {
    for (let batch = this.#stillToSend(whole); batch.length > 0; batch = this.#stillToSend(batch)) {
      const error = await this.#failureOf(batch, isApart);
      if (error === null) return;
      const blamed = error.record === undefined ? undefined : batch[error.record];
      const isUnnamed = error.kind === 'refused' ? blamed === undefined : isNameless(error);
      if (isUnnamed && isApart) throw error;
      if (error.kind !== 'refused' && !isUnnamed) await this.#blame(error);
      if (error.kind === 'refused' && blamed !== undefined) {
        this.#refused(blamed, error);
        batch = batch.filter((one) => one !== blamed);
      }
      await this.#begin(true);
      if (!isUnnamed) continue;
      for (let at = 0; at < batch.length; at += apartMax) {
        await this.#deliver(batch.slice(at, at + apartMax), true);
      }
      return;
    }
  }

  /** Null: they are committed, and noted. */
  async #failureOf(batch: readonly Outgoing[], isApart: boolean): Promise<SinkError | null> {
    try {
      await this.#sender?.send(batch, isApart);
      this.#sent(batch.length);
      return null;
    } catch (error) {
      if (error instanceof SinkError) return error;
      throw error;
    }
  }

  #refused(blamed: Outgoing, error: SinkError): void {
    const { topic } = blamed.record;
    this.#stays(blamed.letter, error.message);
    if (!this.#parts.isTooLarge(error)) return;
    this.#tooLarge.set(topic, { bytes: sizeOf(blamed), why: error.message });
  }

  /** Throws what no other try would mend. */
  async #blame(error: SinkError): Promise<void> {
    const { kind, topic, message } = error;
    if (kind === 'epoch') throw takenOver();
    if (kind === 'topic-missing' || kind === 'topic-forbidden') {
      // Of the dead-letter topic, or of whatever a fence may be about: not a letter's fault.
      if (topic === undefined || topic === this.#parts.deadTopic) throw error;
      this.#bad.set(topic, message);
      return;
    }
    if (kind === 'misconfigured' || ++this.#failures > failuresMax) throw error;
    await this.#parts.pause(pauseMs);
  }

  /** Without those that a commit without an answer brought home after all, and those that stay. */
  #stillToSend(batch: readonly Outgoing[]): Outgoing[] {
    return batch.filter((one) => {
      const { letter, record } = one;
      if (this.#parts.letters.isResent(letter)) {
        this.#sent(1);
        return false;
      }
      const large = this.#tooLarge.get(record.topic);
      const why =
        this.#bad.get(record.topic) ??
        (large !== undefined && sizeOf(one) >= large.bytes ? large.why : undefined);
      if (why !== undefined) this.#stays(letter, why);
      return why === undefined;
    });
  }

  #sent(letters: number): void {
    this.#failures = 0;
    this.#result.sent += letters;
    this.#parts.onSent(this.#result.sent);
  }

  #stays({ topic }: DeadLetter, why: string): void {
    const { stays } = this.#result;
    const known = stays.find((one) => one.topic === topic && one.why === why);
    if (known === undefined) stays.push({ topic, why, letters: 1 });
    else known.letters++;
  }
}

/** Of one of several topics, and Kafka did not say which. */
const isNameless = ({ kind, topic }: SinkError) => kind.startsWith('topic-') && topic === undefined;

function sizeOf({ record }: Outgoing): number {
  let bytes = record.key.length + record.value.length;
  for (const [name, text] of Object.entries(record.headers)) bytes += name.length + text.length;
  return bytes;
}

function takenOver(): TakenOverError {
  return new TakenOverError(
    'another `headwater dlq resend` of this topic has taken over and goes on from here, or a transaction took longer ' +
      'than Kafka waits: this one stops. What it sent is noted; run it again when the other has ended, and nothing is ' +
      'sent twice',
  );
}

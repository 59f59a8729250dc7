// The simulator's side of the proof: starts the reader, hands what it finds to the ledger. Each wait has an end, and says what it waited for.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ConfigError } from 'headwater/site';
import type { Ledger } from '../ledger.js';
import { type FromReader, type ReaderOrder, readRecords, type ToReader } from './messages.js';

/** Topics that are to be made first. */
export class MissingTopics extends ConfigError {}

/** Kafka can't be read: nothing can be proven. */
export class ProofError extends Error {}

const openTimeoutMs = 60_000;

export class Proof {
  readonly created: string[] = [];
  /** Why nothing can be proven any more. */
  failure: string | null = null;
  /** Of the reader, which goes on: the last. */
  trouble: string | null = null;
  /** As performance.now() counts: when anything came last. */
  heardMs = 0;
  readonly #child: ChildProcess;
  readonly #ledger: Ledger;
  #answered: (message: FromReader | null) => void = () => {};

  private constructor(ledger: Ledger, signal: AbortSignal) {
    this.#ledger = ledger;
    const file = fileURLToPath(new URL('./reader.js', import.meta.url));
    this.#child = fork(file, { serialization: 'advanced', execArgv: [] });
    signal.addEventListener('abort', () => this.#answered(null));
    this.#child.on('message', (message: FromReader) => this.#take(message));
    this.#child.on('exit', (code, signal) => {
      this.failure ??= `the proof's reader ended (${signal ?? `exit code ${code}`})`;
      this.#answered(null);
    });
  }

  /** Rejects with MissingTopics or a ProofError. Whoever aborts waits no longer, for any answer. */
  static async open(order: ReaderOrder, ledger: Ledger, signal: AbortSignal): Promise<Proof> {
    const proof = new Proof(ledger, signal);
    const answer = await proof.#ask({ kind: 'order', order }, openTimeoutMs);
    if (answer?.kind === 'ready') {
      proof.created.push(...answer.created);
      return proof;
    }
    const { failure } = proof;
    proof.close();
    if (answer?.kind === 'missing') throw new MissingTopics(missingText(answer.topics, order));
    if (signal.aborted) throw new ProofError('stopped before the first event was sent');
    const why = failure ?? `no answer within ${openTimeoutMs / 1000} s`;
    throw new ProofError(
      `Kafka at ${order.brokers} can't be read: ${why}. Without it nothing is proven; --no-proof stops at the acknowledgements`,
    );
  }

  /** True once all that was committed when it was asked was read. */
  async settle(timeoutMs: number): Promise<boolean> {
    return (await this.#ask({ kind: 'settle' }, timeoutMs))?.kind === 'settled';
  }

  close(): void {
    this.failure ??= 'closed';
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  #ask(question: ToReader, timeoutMs: number): Promise<FromReader | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answered(null), timeoutMs);
      this.#answered = (message) => {
        clearTimeout(timer);
        this.#answered = () => {};
        resolve(message);
      };
      if (this.failure !== null || !this.#child.connected) this.#answered(null);
      else this.#child.send(question);
    });
  }

  #take(message: FromReader): void {
    if (message.kind === 'trouble') this.trouble = message.why;
    else if (message.kind === 'records') this.#records(message);
    else {
      if (message.kind === 'failed') this.failure ??= message.why;
      this.#answered(message);
    }
  }

  #records(message: Extract<FromReader, { kind: 'records' }>): void {
    const ledger = this.#ledger;
    const { timeOrigin } = performance;
    this.heardMs = performance.now();
    ledger.meet(message.names);
    for (const record of readRecords(message.records)) {
      record.timestampMs -= timeOrigin;
      ledger.found(record, message.atMs - timeOrigin);
    }
    for (const loss of message.losses) ledger.lost(loss);
    for (const { device, id, why } of message.letters) ledger.deadLetter(device, id, why);
    for (const { device, topic } of message.unreadable) ledger.unreadable(device, topic);
    ledger.others += message.others;
  }
}

function missingText(topics: readonly string[], { brokers }: ReaderOrder): string {
  const commands = topics.map(
    (topic) =>
      `  kafka-topics.sh --bootstrap-server ${brokers[0]} --create --topic ${topic} --partitions 4`,
  );
  return [
    `Kafka has no topic ${topics.join(' and no topic ')}, and the proxy never makes one. Create it, or let`,
    '`headwater simulate --create-topics` do it:',
    ...commands,
  ].join('\n');
}

// Every call to Kafka settles within its bound, with an error that says what to do: around the calls of a sink, and of the client of the
// commands beside the proxy. What a library still tries after that is its own affair; nobody waits for it.

import type { Advice } from './client-advice.js';
import { type Phase, sinkError } from './client-errors.js';
import type { SinkError } from './sink.js';

/** A connection that the other end closed, or one that could not be made. */
export interface ConnectionLost {
  why: string;
  /** It had been made. */
  established: boolean;
}

export interface BoundedCallsOptions {
  advice: Advice;
  deadlineMs: number;
  /** How many there are to try. */
  brokers: number;
}

export class BoundedCalls {
  readonly #options: BoundedCallsOptions;
  readonly #aborts = new Set<(why: string | SinkError) => void>();
  /** Connections that could not be made, during the present call. */
  #connectionsFailed = 0;

  constructor(options: BoundedCallsOptions) {
    this.#options = options;
  }

  async run<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const { advice, deadlineMs } = this.#options;
    this.#connectionsFailed = 0;
    let settle = () => {};
    const limit = new Promise<never>((_resolve, reject) => {
      const abort = (why: string | SinkError) =>
        reject(typeof why === 'string' ? advice.unusable(phase, why) : why);
      const timer = setTimeout(() => abort(`no answer within ${deadlineMs / 1000} s`), deadlineMs);
      this.#aborts.add(abort);
      settle = () => {
        clearTimeout(timer);
        this.#aborts.delete(abort);
      };
    });
    try {
      return await Promise.race([work(), limit]);
    } catch (error) {
      throw advice.explain(sinkError(error, phase), phase);
    } finally {
      settle();
    }
  }

  /** All that wait fail now. */
  abort(why: string | SinkError): void {
    for (const abort of this.#aborts) abort(why);
  }

  /**
   * kafkajs would try on for as long as the deadline lets it, and nobody would hear of it. Whoever waits for an answer on a connection
   * that was lost begins anew anyway ([K-30]). Whether they were ended.
   */
  lost({ why, established }: ConnectionLost): boolean {
    // One of several brokers may be away: each is asked, and each once more.
    if (!established && ++this.#connectionsFailed < 2 * this.#options.brokers) return false;
    this.abort(why);
    return true;
  }
}

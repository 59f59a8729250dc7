// Just enough of Kafka in memory to step a lane: transactional ids with epochs, a position topic,
// and failures where a test wants them. What Kafka itself does is judged in test/kafka-sink/.

import type { Position } from '../../../proxy/journal/record.js';
import {
  type Claim,
  type KafkaSink,
  SinkError,
  type SinkErrorKind,
  type SinkRecord,
} from '../../../proxy/kafka/sink.js';

export interface MemoryKafka {
  openSink(): KafkaSink;
  readonly committed: SinkRecord[];
  position: Position | null;
  claim: Claim | null;
  readonly topics: Set<string>;
  /** Sinks that were opened and not closed. */
  open: number;
  transactions: number;
  fences: number;
  reads: number;
  /** Asked before each call: an error kind fails it, 'applied' fails it after it took effect. */
  fault: (call: Call, records: readonly SinkRecord[]) => SinkErrorKind | 'applied' | null;
  /** Where a call waits first. */
  gate: (call: Call) => Promise<void>;
}

export type Call = 'read' | 'fence' | 'transaction' | 'topics';

export function createMemoryKafka(topics: string[] = ['events']): MemoryKafka {
  let epoch = 0;
  const kafka: MemoryKafka = {
    committed: [],
    position: null,
    claim: null,
    topics: new Set(topics),
    open: 0,
    transactions: 0,
    fences: 0,
    reads: 0,
    fault: () => null,
    gate: () => Promise.resolve(),
    openSink() {
      let mine = 0;
      let dead = false;
      let closed = false;
      kafka.open++;
      async function call<T>(
        name: Call,
        records: readonly SinkRecord[],
        work: () => T,
        isApart = false,
      ): Promise<T> {
        await kafka.gate(name);
        if (closed || dead) throw new SinkError('unreachable', 'a dead sink was used');
        const fault = kafka.fault(name, records);
        if (fault === null) return work();
        dead = name === 'fence' || name === 'transaction';
        if (fault === 'applied') work();
        const kind = fault === 'applied' ? 'unanswered' : fault;
        // Sent apart, the broker's answer is about one of them.
        const record = isApart ? records.findIndex((one) => kafka.fault(name, [one]) === kind) : -1;
        const which = record < 0 ? {} : { record };
        throw new SinkError(kind, `${name} was made to fail: ${kind}`, which);
      }
      const ours = () => {
        if (mine !== epoch) throw new SinkError('epoch', 'fenced');
      };
      return {
        read: () =>
          call('read', [], () => {
            kafka.reads++;
            return { position: kafka.position, claim: kafka.claim };
          }),
        fence: (claim) =>
          call('fence', [], () => {
            mine = ++epoch;
            kafka.fences++;
            kafka.claim = claim;
          }),
        transaction: (records, position, isApart) =>
          call(
            'transaction',
            records,
            () => {
              ours();
              for (const { topic } of records) {
                if (!kafka.topics.has(topic))
                  throw new SinkError('topic-missing', topic, { topic });
              }
              kafka.transactions++;
              kafka.committed.push(...records);
              kafka.position = position;
            },
            isApart,
          ),
        checkTopics: (names) =>
          call('topics', [], () => {
            const topic = names.find((name) => !kafka.topics.has(name));
            if (topic === undefined) return;
            throw new SinkError('topic-missing', `topic ${topic} is missing`, { topic });
          }),
        async close() {
          if (!closed) kafka.open--;
          closed = true;
        },
      };
    },
  };
  return kafka;
}

// sink → kafka: a produce request with records that are bytes already (record-batch.ts): the library's own encoder makes several buffers
// for each record. The answer is the library's to read.

import type { API } from '@platformatic/kafka';
import type { Library } from './platformatic-library.js';

export interface ProduceRequest {
  transactionalId: string | null;
  timeoutMs: number;
  topics: { topic: string; partitions: { partition: number; records: Uint8Array }[] }[];
}

export type ProduceAnswer = ReturnType<Library['produceV7']['parseResponse']>;

const produceKey = 0;
const allInSync = -1;

/** Versions 3 to 7: transactional_id acks timeout [topic [partition records]] */
export function produceApi(
  library: Library,
  version: number,
): API<[ProduceRequest], ProduceAnswer> {
  const write = ({ transactionalId, timeoutMs, topics }: ProduceRequest) =>
    library.Writer.create()
      .appendString(transactionalId, false)
      .appendInt16(allInSync)
      .appendInt32(timeoutMs)
      .appendArray(
        topics,
        (topicWriter, { topic, partitions }) => {
          topicWriter.appendString(topic, false).appendArray(
            partitions,
            (writer, { partition, records }) => {
              writer
                .appendInt32(partition)
                .appendInt32(records.length)
                .append(records as Buffer);
            },
            false,
            false,
          );
        },
        false,
        false,
      );
  const { parseResponse } = (library as unknown as Record<string, Library['produceV7']>)[
    `produceV${version}`
  ]!;
  const { createAPI } = library;
  return createAPI<[ProduceRequest], ProduceAnswer>(
    ...([produceKey, version, write, parseResponse, false, false] as const),
  );
}

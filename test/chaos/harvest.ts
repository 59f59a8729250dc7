import { consume } from '../kafka/read-back.js';
import type { Tally } from './tally.js';

/** Only ends a hang: a million records take their time. */
const timeoutMs = 900_000;

/** Reads the topics to their ends into the tally, once no transaction is open there. */
export async function harvest(
  bootstrap: string,
  topics: string[],
  tally: Pick<Tally, 'take'>,
): Promise<void> {
  for (const record of await consume({ bootstrap, topics, timeoutMs })) {
    tally.take({
      topic: record.topic,
      key: record.key?.toString() ?? '',
      headers: record.headers,
      value: record.value?.toString() ?? '',
    });
  }
}

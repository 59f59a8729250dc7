// A topic whose max.message.bytes is below what Kafka's own mark at a transaction's end takes: the mark is never written, the transaction
// never ends, and its id answers CONCURRENT_TRANSACTIONS for ever. So such a topic is not written at all. KAFKA.md [K-39]

import { type Broker, topicResource } from './broker.js';

/** A batch's 61 bytes and a control record's 17. */
export const markBytes = 78;
const setting = 'max.message.bytes';
const topicsPerRequest = 500;

/** Those of the topics; none where Kafka does not let us ask. */
export async function smallTopics(
  broker: Broker,
  topics: readonly string[],
): Promise<{ topic: string; bytes: number }[]> {
  const found: { topic: string; bytes: number }[] = [];
  for (let at = 0; at < topics.length; at += topicsPerRequest) {
    const some = topics.slice(at, at + topicsPerRequest);
    const resources = some.map((name) => ({ type: topicResource, name, configNames: [setting] }));
    const answer = await broker.describeConfigs({ resources }).catch(() => ({ resources: [] }));
    for (const [index, { configEntries }] of answer.resources.entries()) {
      const entry = configEntries.find(({ configName }) => configName === setting);
      const bytes = Number(entry?.configValue ?? Number.NaN);
      if (bytes < markBytes) found.push({ topic: some[index] ?? '', bytes });
    }
  }
  return found;
}

export function smallTopicText(topic: string, bytes: number, bootstrap: string): string {
  return (
    `topic ${topic} has ${setting}=${bytes}, and Kafka's own mark at the end of a transaction takes ${markBytes}: no ` +
    `transaction on it would end; raise it: kafka-configs.sh --bootstrap-server ${bootstrap} --alter ` +
    `--entity-type topics --entity-name ${topic} --add-config ${setting}=1048588`
  );
}

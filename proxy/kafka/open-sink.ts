// Which client a lane's sinks are on, `kafka.client`. Who chose one never loads the other.

import type { KafkaConfig } from '../config.js';
import type { SinkOptions } from './client-sink.js';
import type { KafkaSink } from './sink.js';

/** Makes sinks on that client. */
export async function sinkMaker(
  client: KafkaConfig['client'],
): Promise<(options: SinkOptions) => KafkaSink> {
  if (client === 'kafkajs') return (await import('./kafkajs-sink.js')).createKafkajsSink;
  const { loadPlatformatic } = await import('./platformatic-library.js');
  const { createPlatformaticSink } = await import('./platformatic-sink.js');
  return createPlatformaticSink.bind(null, await loadPlatformatic());
}

/** What a person has to do before a proxy can start on it; null: nothing. */
export async function clientTrouble(client: KafkaConfig['client']): Promise<string | null> {
  if (client === 'kafkajs') return null;
  return (await import('./platformatic-library.js')).platformaticTrouble();
}

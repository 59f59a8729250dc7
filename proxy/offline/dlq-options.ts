// What `headwater dlq list` and `resend` have in common: which letters are meant, and what they need of the configuration.

import { type Config, type KafkaConfig, readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import type { DeadLetter } from '../kafka/dead-letter.js';
import { Client } from '../kafka/kafkajs-client.js';
import { SinkError } from '../kafka/sink.js';

export interface DlqOptions {
  config: string;
  /** Where it was to go. */
  topic?: string;
  device?: string;
  /** Part of the reason, in small letters or large. */
  why?: string;
  limit?: number;
  json?: boolean;
}

export type DlqConfig = Config & { kafka: KafkaConfig };

export async function readDlqConfig(path: string): Promise<DlqConfig> {
  const config = await readConfig(path);
  const { kafka } = config;
  if (kafka === null) {
    throw new ConfigError(`${path}: it has no section kafka, and dead letters lie in Kafka`);
  }
  return { ...config, kafka };
}

export function isMeant(letter: DeadLetter, { topic, device, why }: DlqOptions): boolean {
  return (
    (topic === undefined || letter.topic === topic) &&
    (device === undefined || letter.device === device) &&
    (why === undefined || letter.why.toLowerCase().includes(why.toLowerCase()))
  );
}

/** Lives as long as the command: `close` it. */
export function dlqClient({ kafka }: DlqConfig): Client {
  const topic = kafka.topics.dead;
  return new Client({
    ...{ kafka, clientId: 'headwater-dlq', ownTopic: topic },
    transactionalId: resendIdOf(topic),
  });
}

/** Not so is no error: without letters nobody needs the topic. */
export async function isThere(client: Client, topic: string): Promise<boolean> {
  try {
    await client.partitionCount(topic);
    return true;
  } catch (error) {
    if (error instanceof SinkError && error.kind === 'topic-missing') return false;
    throw error;
  }
}

export function sayWaiting(): void {
  process.stderr.write('headwater: waiting for an open transaction to end\n');
}

export const noTopic = (topic: string): string =>
  `${topic}: no such topic, so there are no dead letters; it is yours to create`;

export const countOf = (letters: number, what = 'dead letter'): string =>
  letters === 1 ? `1 ${what}` : `${letters} ${what}s`;

/** The one that sends, of the dead-letter topic: two sites may share it, and then one command at a time. */
export const resendIdOf = (deadTopic: string): string => `headwater-${deadTopic}-dlq`;

// `headwater dlq list`: what lies in the dead-letter topic, and what of it was resent. Reads beside a running proxy and changes nothing.

import { once } from 'node:events';
import type { DeadLetter } from '../kafka/dead-letter.js';
import type { Client } from '../kafka/kafkajs-client.js';
import { LetterTopic } from '../kafka/letter-topic.js';
import { terminalText } from '../terminal-text.js';
import { exitCodeOf } from './complaint.js';
import {
  countOf,
  type DlqOptions,
  dlqClient,
  isMeant,
  isThere,
  noTopic,
  readDlqConfig,
  sayWaiting,
} from './dlq-options.js';
import { timeText } from './offline-journal.js';

export interface DlqListOptions extends DlqOptions {
  /** Those that were resent, too. */
  all?: boolean;
}

interface Sum {
  topic: string;
  letters: number;
  resent: number;
  /** Unsent ones that the filters mean. */
  waiting: number;
  shown: number;
}

/** Answers the exit code: 0 done, also where there are none; 1 Kafka can't be read; 2 a mistake in the configuration. */
export async function dlqListCommand(options: DlqListOptions): Promise<number> {
  let client: Client | null = null;
  try {
    const config = await readDlqConfig(options.config);
    const topic = config.kafka.topics.dead;
    client = dlqClient(config);
    const letters = new LetterTopic(client, topic);
    if (!(await isThere(client, topic))) {
      const sum = { topic, letters: 0, resent: 0, waiting: 0, shown: 0 };
      await print(options.json === true ? JSON.stringify(sum) : noTopic(topic));
      return 0;
    }
    await letters.look(sayWaiting);
    const sum = await list(letters, options);
    await print(options.json === true ? JSON.stringify(sum) : sentence(sum, options));
    return 0;
  } catch (error) {
    return exitCodeOf(error);
  } finally {
    client?.close();
  }
}

async function list(letters: LetterTopic, options: DlqListOptions): Promise<Sum> {
  const { limit = Number.POSITIVE_INFINITY, all = false, json = false } = options;
  const sum: Sum = { topic: letters.topic, letters: 0, resent: 0, waiting: 0, shown: 0 };
  for await (const letter of letters.read()) {
    sum.letters++;
    const isResent = letters.isResent(letter);
    if (isResent) sum.resent++;
    if (!isMeant(letter, options)) continue;
    if (!isResent) sum.waiting++;
    if ((isResent && !all) || sum.shown >= limit) continue;
    sum.shown++;
    await print(
      json ? terminalText(JSON.stringify(plain(letter, isResent))) : line(letter, isResent),
    );
  }
  return sum;
}

function plain(letter: DeadLetter, resent: boolean) {
  const { partition, offset, topic, device, id, why, whole, madeMs, record } = letter;
  const [boot, seq] = id.split('/').map(Number);
  return {
    ...{ partition, offset, topic, device, boot, seq, why, resent },
    time: record.timestampMs,
    made: madeMs,
    bytes: whole?.bytes ?? record.value.length,
    sha256: whole?.sha256,
  };
}

/** Whatever another program wrote there: a letter that can't be read must not hide those behind it. */
export function line(letter: DeadLetter, isResent: boolean): string {
  const { partition, offset, topic, device, id, whole, why, record } = letter;
  const time = timeText(record.timestampMs);
  const bytes = `${whole?.bytes ?? record.value.length} B${whole === null ? '' : ' (cut)'}`;
  const told = `${time}  ${device}  ${id}  ${topic}  ${bytes}  ${partition}/${offset}`;
  return terminalText(`${told}  ${isResent ? 'resent' : why}`);
}

function sentence(
  { topic, letters, resent, waiting, shown }: Sum,
  options: DlqListOptions,
): string {
  if (letters === 0) return `${topic}: no dead letters`;
  const told = `${topic}: ${countOf(letters)}, ${resent} of them resent already`;
  const isFiltered = [options.topic, options.device, options.why].some((one) => one !== undefined);
  const meant = isFiltered ? `; ${waiting} that wait are meant` : '';
  const left = shown < waiting && options.all !== true ? `; the first ${shown} are shown` : '';
  return `${told}${meant}${left}`;
}

/** `headwater dlq list | head` must not end in an error, nor fill the memory. */
async function print(text: string): Promise<void> {
  const out = process.stdout;
  if (!out.writable || out.write(`${text}\n`)) return;
  await Promise.race([once(out, 'drain'), once(out, 'close')]).catch(() => {});
}

// `headwater dlq resend`: each letter once to its own topic, in a transaction that notes it. Runs beside the proxy.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeDisk } from '../disk-node.js';
import { kafkaErrorType } from '../kafka/client-errors.js';
import type { DeadLetter } from '../kafka/dead-letter.js';
import type { Client } from '../kafka/kafkajs-client.js';
import { createLetterSender } from '../kafka/kafkajs-letters.js';
import { LetterTopic } from '../kafka/letter-topic.js';
import { letterFolderOf, readLetterValue } from '../kafka/letter-values.js';
import { type Resent, resend, TakenOverError } from '../kafka/resend.js';
import { SinkError } from '../kafka/sink.js';
import { exitCodeOf } from './complaint.js';
import {
  countOf,
  type DlqConfig,
  type DlqOptions,
  dlqClient,
  isMeant,
  isThere,
  noTopic,
  readDlqConfig,
  resendIdOf,
  sayWaiting,
} from './dlq-options.js';

export interface DlqResendOptions extends DlqOptions {
  dryRun?: boolean;
}

const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
const progressMs = 2000;

/** Answers the exit code: 0 none waits any more, 1 failed or taken over, 2 the configuration, 3 some stay. */
export async function dlqResendCommand(options: DlqResendOptions): Promise<number> {
  let client: Client | null = null;
  try {
    const config = await readDlqConfig(options.config);
    client = dlqClient(config);
    const letters = new LetterTopic(client, config.kafka.topics.dead);
    if (!(await isThere(client, letters.topic))) {
      say({ sent: 0, before: 0, stays: [] }, letters.topic, options, true);
      return 0;
    }
    const result =
      options.dryRun === true
        ? await tryOut(client, letters, config, options)
        : await send(letters, config, options);
    say(result, letters.topic, options, false);
    return result.stays.length === 0 ? 0 : 3;
  } catch (error) {
    if (!(error instanceof TakenOverError)) return exitCodeOf(error);
    process.stderr.write(`headwater: ${error.message}\n`);
    return 1;
  } finally {
    client?.close();
  }
}

function send(letters: LetterTopic, config: DlqConfig, options: DlqResendOptions): Promise<Resent> {
  const run = randomBytes(16).toString('hex');
  const deadTopic = letters.topic;
  let saidMs = performance.now();
  return resend({
    ...{ letters, deadTopic, run, limit: options.limit ?? Number.POSITIVE_INFINITY },
    openSender: () =>
      createLetterSender({
        client: dlqClient(config),
        ...{ transactionalId: resendIdOf(deadTopic), deadTopic, run, nowMs: Date.now },
        delivery: config.delivery,
      }),
    valueOf: valuesOf(config),
    isMeant: (letter) => isMeant(letter, options),
    isTooLarge: (error) => tooLarge.has(kafkaErrorType(error) ?? ''),
    pause: (ms) => sleep(ms),
    onWait: sayWaiting,
    onSent(sent) {
      if (performance.now() - saidMs < progressMs) return;
      saidMs = performance.now();
      process.stderr.write(`headwater: ${sent} of at most ${countOf(letters.letters)} resent\n`);
    },
  });
}

/** What a look tells of what would be sent: a topic that is missing, a value that is gone. Kafka's refusals it can't know. */
async function tryOut(
  client: Client,
  letters: LetterTopic,
  config: DlqConfig,
  options: DlqResendOptions,
): Promise<Resent> {
  const { limit = Number.POSITIVE_INFINITY } = options;
  await letters.look(sayWaiting);
  const wholeOf = valuesOf(config);
  const result: Resent = { sent: 0, before: 0, stays: [] };
  const whyNot = new Map<string, string | null>();
  let tried = 0;
  for await (const letter of letters.read()) {
    if (!isMeant(letter, options)) continue;
    if (letters.isResent(letter)) {
      result.before++;
      continue;
    }
    if (tried++ >= limit) break;
    const { topic } = letter;
    if (!whyNot.has(topic)) whyNot.set(topic, await whyNotTo(client, topic));
    const value = await wholeOf(letter);
    const why = whyNot.get(topic) ?? (typeof value === 'string' ? value : null);
    const known = result.stays.find((one) => one.topic === topic && one.why === why);
    if (why === null) result.sent++;
    else if (known === undefined) result.stays.push({ topic, why, letters: 1 });
    else known.letters++;
  }
  return result;
}

async function whyNotTo(client: Client, topic: string): Promise<string | null> {
  try {
    await client.partitionCount(topic);
    return null;
  } catch (error) {
    if (error instanceof SinkError && error.kind.startsWith('topic-')) return error.message;
    throw error;
  }
}

function valuesOf({ journal }: DlqConfig): (letter: DeadLetter) => Promise<Uint8Array | string> {
  const disk = nodeDisk();
  const folder = letterFolderOf(journal.folder);
  return async ({ whole, record }) =>
    whole === null ? record.value : readLetterValue(disk, folder, whole);
}

function say(result: Resent, topic: string, options: DlqResendOptions, isMissing: boolean): void {
  const { sent, before, stays } = result;
  const dryRun = options.dryRun === true;
  const waits = stays.reduce((sum, { letters }) => sum + letters, 0);
  if (options.json === true) {
    console.log(JSON.stringify({ topic, resent: sent, before, waits, stays, dryRun }));
  } else if (isMissing) {
    console.log(noTopic(topic));
  } else {
    for (const one of stays) {
      console.log(
        `${countOf(one.letters)} for ${one.topic} ${dryRun ? 'would stay' : 'stay'}: ${one.why}`,
      );
    }
    const done = dryRun ? `${sent} would be resent` : `${sent} resent`;
    console.log(`${topic}: ${done}, ${waits} stay, ${before} were resent before`);
  }
}

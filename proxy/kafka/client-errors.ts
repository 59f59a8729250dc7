// What an error of a Kafka client means for the lane: one of the kinds of sink.ts, found from Kafka's own
// error name where there is one. Anything unknown is taken for the careful kind of its phase.

import { SinkError, type SinkErrorKind } from './sink.js';

/** `transaction`: records may have reached Kafka. The others leave nothing behind. */
export type Phase = 'read' | 'fence' | 'transaction';

const kinds = new Map<string, SinkErrorKind>([
  ['INVALID_PRODUCER_EPOCH', 'epoch'],
  ['PRODUCER_FENCED', 'epoch'],
  // After one's own time-out the broker may say so instead: the partition is in no transaction.
  ['INVALID_TXN_STATE', 'epoch'],
  ['UNKNOWN_TOPIC_OR_PARTITION', 'topic-missing'],
  ['INVALID_TOPIC_EXCEPTION', 'topic-missing'],
  ['TOPIC_AUTHORIZATION_FAILED', 'topic-forbidden'],
  ['MESSAGE_TOO_LARGE', 'refused'],
  ['RECORD_LIST_TOO_LARGE', 'refused'],
  ['INVALID_TIMESTAMP', 'refused'],
  ['INVALID_RECORD', 'refused'],
  ['UNSUPPORTED_FOR_MESSAGE_FORMAT', 'refused'],
  ['POLICY_VIOLATION', 'refused'],
  ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'misconfigured'],
  ['CLUSTER_AUTHORIZATION_FAILED', 'misconfigured'],
  ['SASL_AUTHENTICATION_FAILED', 'misconfigured'],
  ['UNSUPPORTED_SASL_MECHANISM', 'misconfigured'],
  ['SECURITY_DISABLED', 'misconfigured'],
  ['INVALID_TRANSACTION_TIMEOUT', 'misconfigured'],
  ['UNSUPPORTED_VERSION', 'misconfigured'],
  ['INVALID_CONFIG', 'misconfigured'],
  ['INVALID_REPLICATION_FACTOR', 'misconfigured'],
]);

/** Codes that kafkajs has no name for and reports by number. */
const kindsByCode = new Map<number, SinkErrorKind>([[90, 'epoch']]);

export function sinkError(error: unknown, phase: Phase): SinkError {
  // Also where a library has wrapped it: as of a token that can't be had.
  for (const link of chain(error)) if (link instanceof SinkError) return link;
  const found = firstKnown(error);
  const kind = found ?? (phase === 'transaction' ? 'unanswered' : 'unreachable');
  const topic = topicOf(error);
  const options = topic === null ? { cause: error } : { cause: error, topic };
  return new SinkError(kind, messageOf(error), options);
}

/** Whose error it is, where the answer said so. */
function topicOf(error: unknown): string | null {
  for (const link of chain(error)) if (typeof link.topic === 'string') return link.topic;
  return null;
}

/** Kafka's name of the error, from wherever the client wrapped it. */
export function kafkaErrorType(error: unknown): string | null {
  for (const link of chain(error)) {
    const name = nameOf(link);
    if (name !== null) return name;
  }
  return null;
}

/** kafkajs's word for it, or @platformatic/kafka's. */
function nameOf({ type, apiId }: Link): string | null {
  if (typeof type === 'string') return type;
  return typeof apiId === 'string' ? apiId : null;
}

function firstKnown(error: unknown): SinkErrorKind | null {
  for (const link of chain(error)) {
    const byType = kinds.get(nameOf(link) ?? '');
    const byCode = typeof link.code === 'number' ? kindsByCode.get(link.code) : undefined;
    const kind = byType ?? byCode ?? (isAuthentication(link) ? 'misconfigured' : undefined);
    if (kind !== undefined) return kind;
  }
  return null;
}

/** Kafka does not take the name or the password, or the way in which they are said. */
export function isLoginRefused(error: unknown): boolean {
  return [...chain(error)].some((link) => isAuthentication(link));
}

function isAuthentication(link: Link): boolean {
  const isSaid =
    link.name === 'KafkaJSSASLAuthenticationError' || link.code === 'PLT_KFK_AUTHENTICATION';
  return isSaid || nameOf(link)?.includes('SASL') === true;
}

interface Link {
  type?: unknown;
  apiId?: unknown;
  code?: unknown;
  name?: unknown;
  topic?: unknown;
  errors?: unknown;
  cause?: unknown;
}

function* chain(error: unknown): Generator<Link> {
  let link = error;
  for (let depth = 0; depth < 8 && typeof link === 'object' && link !== null; depth++) {
    yield link;
    const { cause, errors } = link as Link;
    // A list of errors, as of topics that were to be created: ours is of one.
    link = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

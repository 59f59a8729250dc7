// What a person can do about an error of the sink: its line says which thing it is about and the
// command, or the setting, that mends it.

import { isLoginRefused, kafkaErrorType, type Phase } from './client-errors.js';
import { SinkError } from './sink.js';

export interface Advice {
  /** Kafka is away, or does not do what it should. */
  unusable(phase: Phase, why: string, cause?: unknown): SinkError;
  /** What Kafka said about this topic. */
  topic(error: SinkError, topic: string): SinkError;
  /** The same, where its answer does not say which of them it is about. */
  oneOf(error: SinkError, topics: readonly string[]): SinkError;
  explain(error: SinkError, phase: Phase): SinkError;
}

export function createAdvice(where: {
  /** host:port,… */
  bootstrap: string;
  positionTopic: string;
  transactionalId: string;
}): Advice {
  const { bootstrap, positionTopic, transactionalId } = where;
  const at = `--bootstrap-server ${bootstrap}`;
  const allow = (resource: string) =>
    `kafka-acls.sh ${at} --add --allow-principal User:NAME --operation All ${resource}`;
  const misconfigured = (message: string, cause: SinkError) =>
    new SinkError('misconfigured', message, { cause });

  function unusable(phase: Phase, why: string, cause?: unknown): SinkError {
    const reason = plainReason(why);
    const message =
      `Kafka at ${bootstrap} can't be used now (${reason}): events wait in the journal; ` +
      whereToLook(reason);
    const kind = phase === 'transaction' ? 'unanswered' : 'unreachable';
    return new SinkError(kind, message, { cause });
  }

  function topicError(error: SinkError, topic: string): SinkError {
    if (error.kind === 'topic-missing') {
      const create = `kafka-topics.sh ${at} --create --topic ${topic}`;
      const message = `topic ${topic} is missing; create it: ${create}`;
      return new SinkError('topic-missing', message, { topic, cause: error });
    }
    if (error.kind === 'topic-forbidden') {
      const message = `topic ${topic} may not be written; allow it: ${allow(`--topic ${topic}`)}`;
      return new SinkError('topic-forbidden', message, { topic, cause: error });
    }
    return error;
  }

  return {
    unusable,
    topic: topicError,
    oneOf(error, topics) {
      if (!error.kind.startsWith('topic-') || error.topic !== undefined) return error;
      const [topic = '', ...others] = topics;
      if (others.length === 0) return topicError(error, topic);
      const message = `one of the topics ${topics.join(', ')}: ${error.message}`;
      return new SinkError(error.kind, message, { cause: error });
    },
    explain(error, phase) {
      if (kafkaErrorType(error) === 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED') {
        const command = allow(`--transactional-id ${transactionalId}`);
        return misconfigured(`${transactionalId} may not be used; allow it: ${command}`, error);
      }
      if (isLoginRefused(error)) {
        const message = `Kafka at ${bootstrap} refuses the login (${error.message}): see kafka.sasl`;
        return misconfigured(message, error);
      }
      // One without a cause is the sink's own, and says all.
      if (error.cause === undefined) return error;
      const unknown = error.kind === 'unreachable' || error.kind === 'unanswered';
      if (unknown) return unusable(phase, error.message, error.cause);
      if (error.topic !== undefined) return topicError(error, error.topic);
      if (phase === 'transaction') return error;
      if (error.kind === 'topic-forbidden') {
        const command = allow(`--topic ${positionTopic}`);
        return misconfigured(`topic ${positionTopic} may not be used; allow it: ${command}`, error);
      }
      // It was there a moment ago: look again.
      return error.kind === 'topic-missing' ? unusable(phase, error.message, error) : error;
    },
  };
}

/** OpenSSL says it between its own files and numbers. */
function plainReason(why: string): string {
  const said = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):/.exec(why)?.[1];
  return said === undefined ? why : `TLS: ${said}`;
}

function whereToLook(reason: string): string {
  if (/^the token endpoint|kafka\.sasl\./.test(reason)) return 'see kafka.sasl';
  if (/certificate|altnames|\bTLS\b|\bSSL\b/i.test(reason)) return 'see kafka.ssl';
  // So ends one that is not spoken to as it expects.
  const isClosed = /closed|ECONNRESET|disconnected|socket hang up/i.test(reason);
  const keys = isClosed ? 'kafka.brokers, kafka.ssl and kafka.sasl are' : 'kafka.brokers is';
  return `see that it runs, and that ${keys} right`;
}

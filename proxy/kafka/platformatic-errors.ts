// The library gives the errors of an answer as a list with their places in it, and says itself no more than that there are some. A lane
// must hear what Kafka says, and of which topic. Of the neighbours of the one that is the cause Kafka says "not attempted", and that may be the first.

interface AnswerError {
  errors: { apiId?: string; path?: string }[];
  response: {
    /** Of Produce. */
    responses?: { name: string }[];
    /** Of AddPartitionsToTxn. */
    resultsByTransaction?: { topicResults: { name: string }[] }[];
  };
}

const notAttempted = 'OPERATION_NOT_ATTEMPTED';

/** What Kafka says in it, and of which topic, where it is an answer; another error as it is. */
export function causeOf(error: unknown): unknown {
  if (!isAnswer(error)) return error;
  const { errors, response } = error;
  const cause = errors.find(({ apiId }) => apiId !== notAttempted) ?? errors[0];
  const names = response.responses ?? response.resultsByTransaction?.[0]?.topicResults ?? [];
  const at = /\/(?:responses|topic_results)\/(\d+)/.exec(cause?.path ?? '')?.[1];
  const topic = names[Number(at ?? Number.NaN)]?.name;
  const text = cause instanceof Error ? cause.message : error.message;
  const named = topic === undefined ? {} : { topic };
  return Object.assign(new Error(text, { cause: error }), { type: cause?.apiId, ...named });
}

/** Why a connection was not made: the library says "failed", and what the system or the broker said lies below. */
export function connectError(error: unknown): Error {
  let reason = error;
  for (;;) {
    const { cause, errors } = reason as { cause?: unknown; errors?: unknown[] };
    const below = cause ?? errors?.[0];
    if (!(below instanceof Error)) break;
    reason = below;
  }
  return new Error(reason instanceof Error ? reason.message : String(reason), { cause: error });
}

function isAnswer(error: unknown): error is AnswerError & Error {
  return error instanceof Error && 'errors' in error && 'response' in error;
}

// SASL OAUTHBEARER on the wire (RFC 7628), for both clients: what is said, and a refusal, which comes as an answer that is no error.

/** Of the client. */
export function bearerMessage(token: string): Buffer {
  return Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`);
}

/** What the broker does not like; null: nothing. */
export function bearerRefusal(answer: Uint8Array): string | null {
  const text = Buffer.from(answer).toString('utf8').trim();
  if (text === '') return null;
  try {
    const { status } = JSON.parse(text) as { status?: unknown };
    return typeof status === 'string' ? status : 'refused';
  } catch {
    return 'an answer that can not be read';
  }
}

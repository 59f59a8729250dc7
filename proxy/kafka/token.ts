// Where a token for SASL OAUTHBEARER comes from: a file that somebody renews, or an endpoint that gives one for the client's own credentials
// (OAuth 2.0, RFC 6749 4.4). Asked for at each login. Invariant: neither the secret nor the token is in an error.

import { readFile } from 'node:fs/promises';
import { type TlsFile, whyNot } from '../tls-files.js';
import { SinkError } from './sink.js';

export type TokenSource = () => Promise<string>;

export interface ClientCredentials {
  endpoint: string;
  clientId: string;
  clientSecret(): string;
  scope?: string | undefined;
}

const requestTimeoutMs = 3_000;
/** Of its life: after that a new one is asked for, before Kafka refuses the old one. */
const usedShare = 0.8;
/** Kafka ends a login with its token: one with less left to it is not worth a login. */
const leftSecondsMin = 15;
/** What may stand in a header (RFC 6750). */
const tokenForm = /^[A-Za-z0-9._~+/-]+=*$/;

/** Read each time: it is there to be renewed. */
export function fileToken({ name, path }: TlsFile): TokenSource {
  return async () => {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new SinkError('unreachable', `${name}: ${path}: ${whyNot(error)}`);
    });
    const token = text.trim();
    if (tokenForm.test(token)) return token;
    throw new SinkError('unreachable', `${name}: ${path}: holds no token`);
  };
}

/** Connections that log in at the same time share one answer. */
export function clientCredentials(client: ClientCredentials): TokenSource {
  let known: { token: string; untilMs: number } | null = null;
  let asking: Promise<string> | null = null;
  const ask = async () => {
    try {
      const { token, seconds } = await askFor(client);
      const usedSeconds = Math.min(seconds * usedShare, seconds - leftSecondsMin);
      known = { token, untilMs: performance.now() + usedSeconds * 1000 };
      return token;
    } finally {
      asking = null;
    }
  };
  return () => {
    if (known !== null && performance.now() < known.untilMs) return Promise.resolve(known.token);
    asking ??= ask();
    return asking;
  };
}

async function askFor(client: ClientCredentials): Promise<{ token: string; seconds: number }> {
  const { endpoint, scope } = client;
  const where = `the token endpoint ${endpoint}`;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  const headers = { authorization: authorization(client), accept: 'application/json' };
  const signal = AbortSignal.timeout(requestTimeoutMs);
  // What a redirect names is not whom the secret is for.
  const request: RequestInit = { method: 'POST', headers, body: form, signal, redirect: 'error' };
  const answer = await fetch(endpoint, request).catch((error: unknown) => {
    throw new SinkError('unreachable', `${where} does not answer (${networkReason(error)})`);
  });
  const content = (await answer.json().catch(() => null)) as Record<string, unknown> | null;
  if (!answer.ok) {
    const said = typeof content?.error === 'string' ? ` ${content.error.slice(0, 64)}` : '';
    const isOurs = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
    const text = `${where} gives no token (${answer.status}${said})`;
    if (!isOurs) throw new SinkError('unreachable', text);
    throw new SinkError(
      'misconfigured',
      `${text}: see clientId, clientSecret and scope of kafka.sasl`,
    );
  }
  const { access_token: token, expires_in: seconds } = content ?? {};
  if (typeof token !== 'string' || !tokenForm.test(token)) {
    throw new SinkError(
      'misconfigured',
      `${where} answers without a token: see kafka.sasl.tokenEndpoint`,
    );
  }
  // Where it does not say how long it lives, it is used once.
  return { token, seconds: Number(seconds) || 0 };
}

/** Both are encoded as in a form, before they are joined: RFC 6749 2.3.1. */
function authorization({ clientId, clientSecret }: ClientCredentials): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  const both = `${encode(clientId)}:${encode(clientSecret())}`;
  return `Basic ${Buffer.from(both).toString('base64')}`;
}

function networkReason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.message || cause?.code || message;
}

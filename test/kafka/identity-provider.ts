// An identity provider on 127.0.0.1, as Keycloak or Entra ID is one for a company: tokens (JWT, RS256) for client credentials, and the public
// key that a broker checks them with.

import { createHash, generateKeyPairSync, sign, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface IdentityProvider {
  tokenEndpoint: string;
  jwks: string;
  issuer: string;
  audience: string;
  clientSecret: string;
  /** How many tokens it gave. */
  readonly given: number;
  /** Of tokens that are given from now on. */
  lifeSeconds: number;
  /** As the endpoint would give it, for a device of that name. */
  token(subject: string, more?: Record<string, unknown>): string;
  /** While it is away it answers 503. */
  isAway: boolean;
  close(): Promise<void>;
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }];
  const server = createServer(async (request, response) => {
    const [status, body] =
      request.url === '/jwks' ? [200, { keys }] : await answerToken(provider, request);
    response.writeHead(status as number, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let given = 0;
  const provider: IdentityProvider = {
    ...{ issuer, audience: 'kafka', clientSecret: 'clouds & thunder', lifeSeconds: 60 },
    ...{ tokenEndpoint: `${issuer}/token`, jwks: `${issuer}/jwks`, isAway: false },
    get given() {
      return given;
    },
    token(subject, more = {}) {
      given++;
      const now = Math.floor(Date.now() / 1000);
      const times = { iat: now, exp: now + provider.lifeSeconds };
      const head = { alg: 'RS256', typ: 'JWT', kid: 'one' };
      const claims = { sub: subject, iss: issuer, aud: 'kafka', ...times, scope: 'kafka', ...more };
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const text = `${part(head)}.${part(claims)}`;
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return provider;
}

async function answerToken(
  provider: IdentityProvider,
  request: IncomingMessage,
): Promise<[number, object]> {
  let form = '';
  for await (const chunk of request) form += chunk;
  if (provider.isAway) return [503, {}];
  const basic = `${request.headers.authorization}`.replace(/^Basic /, '');
  const words = new URLSearchParams(`u=${Buffer.from(basic, 'base64')}`.replace(':', '&p='));
  const isKnown = isSame(words.get('p') ?? '', provider.clientSecret);
  if (!isKnown) return [401, { error: 'invalid_client' }];
  if (new URLSearchParams(form).get('grant_type') !== 'client_credentials') {
    return [400, { error: 'unsupported_grant_type' }];
  }
  const { lifeSeconds } = provider;
  return [200, { access_token: provider.token(words.get('u') ?? ''), expires_in: lifeSeconds }];
}

function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}

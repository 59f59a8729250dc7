// A login as kafkajs takes it. OAUTHBEARER is said by ourselves: kafkajs takes a refused token for a login, and the next request for a broken
// connection.

import type { KafkaConfig as ClientConfig, SASLOptions } from 'kafkajs';
import { bearerMessage, bearerRefusal } from './bearer.js';
import type { Login } from './login.js';

/** Before its end a login is said again; Kafka takes none within a second of the last. */
export const reloginMs = 3_000;
/** Before bytes in Kafka's protocol. */
const lengthBytes = 4;

export function kafkajsSasl(login: Login): NonNullable<ClientConfig['sasl']> {
  if (login.mechanism !== 'oauthbearer') return login as SASLOptions;
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      async authenticate() {
        const message = bearerMessage(await login.token());
        const request = { encode: async () => withLength(message) };
        const response = {
          decode: (answer: Buffer) => bearerRefusal(answer.subarray(lengthBytes)),
          parse: (refusal: unknown) => refusal,
        };
        const refusal = await saslAuthenticate({ request, response } as never);
        if (typeof refusal === 'string') throw new LoginRefused(`OAUTHBEARER: ${refusal}`);
      },
    }),
  };
}

/** By the name that kafkajs gives a refused login, which it does not try again. */
class LoginRefused extends Error {
  override name = 'KafkaJSSASLAuthenticationError';
  readonly retriable = false;
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

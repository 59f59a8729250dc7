// kafka.ssl and kafka.sasl of site.yaml: who Kafka is, and who we are for it. Files are named here and read by login.ts.

import { z } from 'zod';

const file = z.string().min(1);
const text = z.string().min(1);

/** true: by the authorities that Node knows. */
export const sslSettings = z
  .preprocess(
    (given) => {
      if (given === true || given === 'true') return {};
      return given === false || given === 'false' ? undefined : given;
    },
    z
      .strictObject({
        /** Of the authority that signed the brokers' certificates; absent: those that Node knows. */
        ca: file.optional(),
        /** Mutual TLS: who we are, and its key. */
        certificate: file.optional(),
        key: file.optional(),
        /** In the brokers' certificates, where it is not their host's name. */
        serverName: text.optional(),
      })
      .superRefine((given, { addIssue }) => {
        for (const [key, other] of [
          ['certificate', 'key'],
          ['key', 'certificate'],
        ] as const) {
          if (given[key] !== undefined || given[other] === undefined) continue;
          addIssue({ code: 'custom', path: [key], message: `a file, as there is a ${other}` });
        }
      })
      .optional(),
  )
  .optional();

const byPassword = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
    username: text,
    password: text.optional(),
    passwordFile: file.optional(),
  })
  .superRefine((given, { addIssue }) => {
    const message = oneOf(given, 'password', 'passwordFile');
    if (message !== null) addIssue({ code: 'custom', path: ['password'], message });
  });

const byToken = z
  .strictObject({
    mechanism: z.literal('oauthbearer'),
    /** Written and renewed by somebody else. */
    tokenFile: file.optional(),
    /** OAuth 2.0, client credentials. */
    tokenEndpoint: z
      .string()
      .refine(isEndpoint, 'https://…, with no name and password in it')
      .optional(),
    clientId: text.optional(),
    clientSecret: text.optional(),
    clientSecretFile: file.optional(),
    scope: text.optional(),
  })
  .superRefine((given, { addIssue }) => {
    const add = (path: string, message: string) =>
      addIssue({ code: 'custom', path: [path], message });
    const message = oneOf(given, 'tokenEndpoint', 'tokenFile');
    if (message !== null) add('tokenEndpoint', message);
    else if (given.tokenEndpoint !== undefined) {
      const secret = oneOf(given, 'clientSecret', 'clientSecretFile');
      if (given.clientId === undefined) add('clientId', 'a name, as there is a tokenEndpoint');
      if (secret !== null) add('clientSecret', secret);
    }
  });

export const saslSettings = z
  .discriminatedUnion('mechanism', [byPassword, byToken], {
    error: (issue) =>
      issue.code === 'invalid_union'
        ? 'plain or scram-sha-256 or scram-sha-512 or oauthbearer'
        : undefined,
  })
  .optional();

export type SslSettings = z.output<typeof sslSettings>;
export type SaslSettings = z.output<typeof saslSettings>;

/** Relative to site.yaml. */
export const loginFiles = [
  'ssl.ca',
  'ssl.certificate',
  'ssl.key',
  'sasl.passwordFile',
  'sasl.tokenFile',
  'sasl.clientSecretFile',
] as const;

function oneOf<Key extends string>(
  given: Partial<Record<Key, unknown>>,
  key: Key,
  other: Key,
): string | null {
  if ((given[key] === undefined) !== (given[other] === undefined)) return null;
  return given[key] === undefined ? `it, or ${other}` : `one of ${key} and ${other}`;
}

function isEndpoint(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password } = new URL(given);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}

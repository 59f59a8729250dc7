// kafka.ssl and kafka.sasl → what a client is opened with. Files are read for each opening, so that a certificate, a password or a token that
// was renewed is used by the next connection, and a worker needs nothing but the configuration. No secret is in any error.

import type { ConnectionOptions } from 'node:tls';
import type { KafkaConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import {
  openToOthers,
  readSecret,
  readTlsFiles,
  type TlsFile,
  type TlsFiles,
  tlsRemarks,
} from '../tls-files.js';
import { clientCredentials, fileToken } from './token.js';

export type LoginSettings = Pick<KafkaConfig, 'ssl' | 'sasl'>;

export type Login =
  | {
      mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      username: string;
      password: string;
    }
  | { mechanism: 'oauthbearer'; token(): Promise<string> };

/** Of a sink's options, or a client's. */
export interface Security {
  ssl?: ConnectionOptions;
  sasl?: Login;
}

/**
 * Each call reads the files as they are then. Throws a ConfigError; where `onTrouble` is given the first call alone does, and later what was read
 * before is used on.
 */
export function openSecurity(
  settings: LoginSettings,
  onTrouble?: (text: string) => void,
): () => Security {
  const token = tokenOf(settings.sasl);
  let last: Security | null = null;
  return () => {
    try {
      last = read(settings, token);
    } catch (error) {
      if (last === null || onTrouble === undefined || !(error instanceof ConfigError)) throw error;
      onTrouble(`${error.message}; what it was before is used on`);
    }
    return last;
  };
}

/** Once, before anything starts. Throws a ConfigError; answers what is to be seen to. */
export function checkLogin(settings: LoginSettings, nowMs: number): string[] {
  read(settings, tokenOf(settings.sasl));
  const { sasl, ssl } = settings;
  const remarks = tlsRemarks(tlsFiles(ssl), nowMs);
  for (const file of secretFiles(sasl)) remarks.push(...openToOthers(file));
  if (sasl?.mechanism === 'plain' && ssl === undefined) {
    remarks.push(
      'kafka.sasl.mechanism is plain without kafka.ssl: the password can be read on its way',
    );
  }
  if (sasl?.mechanism === 'oauthbearer' && sasl.tokenEndpoint?.startsWith('http:') === true) {
    remarks.push(
      'kafka.sasl.tokenEndpoint is http: the secret and the token can be read on their way',
    );
  }
  return remarks;
}

function read({ ssl, sasl }: LoginSettings, token: (() => Promise<string>) | null): Security {
  const security: Security = {};
  if (ssl !== undefined) {
    const { serverName } = ssl;
    security.ssl = {
      ...readTlsFiles(tlsFiles(ssl)),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
  }
  if (token !== null) security.sasl = { mechanism: 'oauthbearer', token };
  else if (sasl !== undefined && sasl.mechanism !== 'oauthbearer') {
    const { mechanism, username } = sasl;
    const password = wordOf('password', sasl.password, sasl.passwordFile);
    security.sasl = { mechanism, username, password };
  }
  return security;
}

function tokenOf(sasl: LoginSettings['sasl']): (() => Promise<string>) | null {
  if (sasl?.mechanism !== 'oauthbearer') return null;
  const { tokenFile, tokenEndpoint = '', clientId = '', scope } = sasl;
  if (tokenFile !== undefined) return fileToken({ name: 'kafka.sasl.tokenFile', path: tokenFile });
  const clientSecret = () => wordOf('clientSecret', sasl.clientSecret, sasl.clientSecretFile);
  return clientCredentials({ endpoint: tokenEndpoint, clientId, clientSecret, scope });
}

/** From the configuration, or from the file that it names. */
function wordOf(key: string, word: string | undefined, path: string | undefined): string {
  return word ?? readSecret({ name: `kafka.sasl.${key}File`, path: path ?? '' });
}

function tlsFiles(ssl: LoginSettings['ssl']): TlsFiles {
  const file = (key: 'ca' | 'certificate' | 'key') => {
    const path = ssl?.[key];
    return path === undefined ? undefined : { name: `kafka.ssl.${key}`, path };
  };
  return { ca: file('ca'), certificate: file('certificate'), key: file('key') };
}

function secretFiles(sasl: LoginSettings['sasl']): TlsFile[] {
  if (sasl === undefined) return [];
  const { passwordFile, tokenFile, clientSecretFile } = sasl as Record<string, string | undefined>;
  return Object.entries({ passwordFile, tokenFile, clientSecretFile }).flatMap(([key, path]) =>
    path === undefined ? [] : [{ name: `kafka.sasl.${key}`, path }],
  );
}

// Certificates for a test: an authority of its own, and what it signs, in PEM and in files.

import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Pair {
  cert: string;
  key: string;
}

export interface SignOptions {
  /** Host names and addresses; 127.0.0.1 and localhost unless told. */
  hosts?: string[];
  /** Until when, ms since 1970; in a month unless told. */
  validToMs?: number;
}

export interface Authority {
  pem: string;
  /** `name`: of its subject; several, and it names nobody. */
  sign(name: string | string[], options?: SignOptions): Promise<Pair>;
}

const dayMs = 86_400_000;
const monthMs = 30 * dayMs;
const form = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

export async function makeAuthority(name = 'Test authority'): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...form,
    notAfterDate: new Date(Date.now() + monthMs),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const ca = { key: made.private, cert: made.cert };
  return {
    pem: made.cert,
    async sign(
      name,
      { hosts = ['127.0.0.1', 'localhost'], validToMs = Date.now() + monthMs } = {},
    ) {
      const altNames = hosts.map((host) =>
        /^[\d.]+$/.test(host) ? { type: 7 as const, ip: host } : { type: 2 as const, value: host },
      );
      const names = [name].flat().map((value) => ({ name: 'commonName', value }));
      const signed = await generate(names, {
        ...{ ...form, ca },
        notBeforeDate: new Date(Math.min(Date.now(), validToMs) - dayMs),
        notAfterDate: new Date(validToMs),
        extensions: [{ name: 'subjectAltName', altNames }],
      });
      return { cert: signed.cert, key: signed.private };
    },
  };
}

export interface PairFiles {
  certificate: string;
  key: string;
}

/** Put there by a rename each, as renewals are; the key is its owner's alone. */
export async function writePair(folder: string, name: string, pair: Pair): Promise<PairFiles> {
  await mkdir(folder, { recursive: true });
  const files = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  await writeByRename(files.key, pair.key);
  await writeByRename(files.certificate, pair.cert);
  return files;
}

export async function writeByRename(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

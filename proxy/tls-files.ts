// Certificates and keys in files, as an operator puts them there: read and checked before anything uses them, for the listener and for
// Kafka. What is wrong is one line with the key of the configuration, the file and what to do; what a key file holds is never said.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigError } from './config-file.js';

export interface TlsFile {
  /** Of the configuration: kafka.ssl.ca. */
  name: string;
  path: string;
}

export interface TlsFiles {
  certificate?: TlsFile | undefined;
  key?: TlsFile | undefined;
  /** Of those whose certificates are trusted. */
  ca?: TlsFile | undefined;
}

export type TlsMaterial = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>;

/** PEM, as they are now. Throws a ConfigError. */
export function readTlsFiles(files: TlsFiles): TlsMaterial {
  const material: TlsMaterial = {};
  if (files.ca !== undefined) {
    material.ca = readSecret(files.ca);
    certificatesIn(material.ca, files.ca);
  }
  if (files.certificate === undefined || files.key === undefined) return material;
  material.cert = readSecret(files.certificate);
  material.key = readSecret(files.key);
  const [own] = certificatesIn(material.cert, files.certificate);
  if (own?.checkPrivateKey(keyIn(material.key, files.key)) !== true) {
    throw mistake(files.key, `is not the key of ${files.certificate.path}`);
  }
  try {
    createSecureContext(material);
  } catch (error) {
    // As of a key that OpenSSL finds too short.
    const { reason, message } = error as Error & { reason?: string };
    throw mistake(files.certificate, `can not be used: ${reason ?? message}`);
  }
  return material;
}

/** For people: whose it is, and until when. Throws a ConfigError. */
export function certificateText({ certificate }: TlsFiles): string {
  if (certificate === undefined) return 'none';
  const [own] = certificatesIn(readSecret(certificate), certificate);
  return `${own?.subject.replaceAll('\n', ', ')}, valid to ${own?.validTo}`;
}

/** What works today and should be seen to: a key that others may read, a certificate that is not valid, or not for long. */
export function tlsRemarks(files: TlsFiles, nowMs: number): string[] {
  const certificates = [files.certificate, files.ca].filter((file) => file !== undefined);
  return [
    ...(files.key === undefined ? [] : openToOthers(files.key)),
    ...certificates.flatMap((file) =>
      certificatesIn(readSecret(file), file).flatMap((one) => outOfTime(one, file, nowMs)),
    ),
  ];
}

/** A file with one thing in it, such as a password: without the end of its line. */
export function readSecret(file: TlsFile): string {
  try {
    const text = readFileSync(file.path, 'utf8').trim();
    if (text !== '') return text;
  } catch (error) {
    throw mistake(file, whyNot(error as NodeJS.ErrnoException));
  }
  throw mistake(file, 'is empty');
}

/** A secret is its owner's alone. What can't be looked at is said where it is read. */
export function openToOthers({ name, path }: TlsFile): string[] {
  const mode = (statOf(path)?.mode ?? 0) & 0o777;
  if ((mode & 0o077) === 0) return [];
  const octal = mode.toString(8).padStart(4, '0');
  return [`${name}: ${path}: others than its owner may use it (mode ${octal}): chmod 600 ${path}`];
}

/** Undefined where there is none, or none that we may look at. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

export function whyNot(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EACCES') return 'this user may not read it';
  return error.message;
}

const dayMs = 86_400_000;
const soonMs = 14 * dayMs;
const certificateForm = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function certificatesIn(text: string, file: TlsFile): X509Certificate[] {
  const found = text.match(certificateForm) ?? [];
  if (found.length === 0) {
    throw mistake(file, 'holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
  }
  return found.map((one) => {
    try {
      return new X509Certificate(one);
    } catch {
      throw mistake(file, 'holds a certificate that can not be read: it is damaged');
    }
  });
}

function keyIn(text: string, file: TlsFile): KeyObject {
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    const open = `openssl pkey -in ${file.path} -out open.key`;
    throw mistake(file, `is encrypted, and nobody is there to type its password: ${open}`);
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw mistake(file, 'holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)');
  }
}

function outOfTime(certificate: X509Certificate, file: TlsFile, nowMs: number): string[] {
  const { subject, validFrom, validTo } = certificate;
  const who = `${file.name}: ${file.path}: the certificate of ${subject.replaceAll('\n', ', ')}`;
  if (Date.parse(validTo) < nowMs) return [`${who} has expired, ${validTo}: renew it`];
  if (Date.parse(validFrom) > nowMs) return [`${who} is not valid before ${validFrom}`];
  const leftMs = Date.parse(validTo) - nowMs;
  if (leftMs < soonMs)
    return [`${who} expires in ${Math.floor(leftMs / dayMs)} days, ${validTo}: renew it`];
  return [];
}

function mistake({ name, path }: TlsFile, what: string): ConfigError {
  return new ConfigError(`${name}: ${path}: ${what}`);
}

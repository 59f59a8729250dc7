// listen.tls: its files as they are now, and again when they change. A renewal is several files, put there one after the other, by a rename or
// in place: what does not fit together is looked at again, and until it does the listener goes on with what it had.

import type { TlsOptions as ServerOptions } from 'node:tls';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { certificateText, readTlsFiles, statOf, type TlsFiles, tlsRemarks } from '../tls-files.js';

export interface TlsPaths {
  certificate: string;
  key: string;
  /** Of the authority that signs devices' certificates. */
  clientCa?: string | undefined;
}

export interface Certificates {
  readonly now: ServerOptions;
  stop(): void;
}

const lookMs = 2_000;
/** What is to be seen to is said again. */
const remarkEveryMs = 86_400_000;

/** Throws a ConfigError where they are wrong at the start. */
export function watchCertificates(
  { clock, log, ...paths }: TlsPaths & { clock: Clock; log: Log },
  onRenewed: (options: ServerOptions) => void,
): Certificates {
  const files = tlsFilesOf(paths);
  const listener = 'listen.tls';
  const remark = () => {
    for (const text of tlsRemarks(files, clock.nowMs())) log.warn({ listener }, text);
  };
  // Looked at first and read then: what changes in between is seen at the next look.
  let used = stateOf(files);
  const now = optionsOf(files);
  remark();
  let remarkedMs = clock.monotonicMs();
  /** Files that do not fit: said once, and not before a second look finds them as they were. */
  let unfit = { state: '', isSaid: false };
  const look = () => {
    const state = stateOf(files);
    if (state === used) {
      if (clock.monotonicMs() - remarkedMs < remarkEveryMs) return;
      remarkedMs = clock.monotonicMs();
      remark();
      return;
    }
    try {
      onRenewed(optionsOf(files));
      used = state;
      log.info({ listener }, `${listener}: renewed: ${certificateText(files)}`);
      remark();
    } catch (error) {
      const isSeen = state === unfit.state;
      if (isSeen && !unfit.isSaid) {
        const text = `${(error as Error).message}; ${listener} goes on with what it had`;
        log.warn({ listener }, text);
      }
      unfit = { state, isSaid: isSeen };
    }
  };
  let cancel = () => {};
  const again = () => {
    cancel = clock.after(lookMs, () => {
      look();
      again();
    });
  };
  again();
  return { now, stop: () => cancel() };
}

/** Before anything starts. Throws a ConfigError. */
export function checkCertificates(paths: TlsPaths): void {
  readTlsFiles(tlsFilesOf(paths));
}

function optionsOf(files: TlsFiles): ServerOptions {
  return { ...readTlsFiles(files), minVersion: 'TLSv1.2' };
}

function tlsFilesOf({ certificate, key, clientCa }: TlsPaths): TlsFiles {
  return {
    certificate: { name: 'listen.tls.certificate', path: certificate },
    key: { name: 'listen.tls.key', path: key },
    ca: clientCa === undefined ? undefined : { name: 'listen.tls.clientCa', path: clientCa },
  };
}

/** Another one whenever a file was written or replaced. */
function stateOf({ certificate, key, ca }: TlsFiles): string {
  return [certificate, key, ca]
    .map((file) => {
      const found = file === undefined ? undefined : statOf(file.path);
      return found === undefined ? '-' : `${found.ino} ${found.mtimeMs} ${found.size}`;
    })
    .join(', ');
}

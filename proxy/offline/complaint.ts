// How a command ends that could not do its work: one line on standard error, and the exit code.

import { ConfigError } from '../config-file.js';
import { JournalError } from '../journal/error.js';
import { SinkError } from '../kafka/sink.js';

/** 2: the configuration; 1: the world. Anything else is a mistake of ours and is thrown on. */
export function complain(error: unknown): 1 | 2 {
  const isOurs = !(
    error instanceof ConfigError ||
    error instanceof JournalError ||
    error instanceof SinkError
  );
  if (isOurs) throw error;
  process.stderr.write(`headwater: ${error.message.replaceAll('\n', '\nheadwater: ')}\n`);
  return error instanceof ConfigError ? 2 : 1;
}

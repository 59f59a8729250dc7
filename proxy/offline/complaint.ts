// How a command ends that could not do its work: one line on standard error, and the exit code.

import { complain } from '../complain.js';
import { ConfigError } from '../config-file.js';
import { JournalError } from '../journal/error.js';
import { SinkError } from '../kafka/sink.js';

/** 2: the configuration; 1: the world. Anything else is a mistake of ours and is thrown on. */
export function exitCodeOf(error: unknown): number {
  const isOurs = !(
    error instanceof ConfigError ||
    error instanceof JournalError ||
    error instanceof SinkError
  );
  if (isOurs) throw error;
  return complain(error.message, error instanceof ConfigError ? 2 : 1);
}

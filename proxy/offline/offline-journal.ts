// What the verbs that read a journal have in common: where it lies, how they end, how they say numbers.

import { once } from 'node:events';
import { readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import { errorCode, errorText, JournalError } from '../journal/error.js';
import { exitCodeOf } from './complaint.js';

export async function journalFolder(config: string): Promise<string> {
  return (await readConfig(config)).journal.folder;
}

export function noJournal(folder: string): ConfigError {
  return new ConfigError(`${folder}: no journal yet; a proxy's start makes one`);
}

/** One line, and 2 where nothing could be read: a configuration, a folder, a later version's journal. */
export function refusal(error: unknown): number {
  const said = unreadable(error);
  const code = exitCodeOf(said);
  const isUnread = said instanceof JournalError && (said.kind === 'newer' || said.kind === 'disk');
  return isUnread ? 2 : code;
}

/** What the disk said of a journal's file or folder, in one line; anything else as it is. */
export function unreadable(error: unknown): unknown {
  const isOfDisk = error instanceof Error && 'syscall' in error && errorCode(error) !== undefined;
  if (!isOfDisk) return error;
  const text = `the journal can't be read (${errorText(error)}); look at the disk, and who may read there`;
  return new JournalError('disk', text, { cause: error });
}

/** `| head` must not end in an error, nor fill the memory. False once nobody reads any more. */
export async function print(text: string): Promise<boolean> {
  const out = process.stdout;
  if (!out.writable) return false;
  if (!out.write(`${text}\n`)) {
    await Promise.race([once(out, 'drain'), once(out, 'close')]).catch(() => {});
  }
  return out.writable;
}

export function sizeText(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let size = bytes / 1000;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size.toFixed(1)} ${units[unit]}`;
}

export function countText(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

export function timeText(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(ms)) return 'no time';
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

import { cp } from 'node:fs/promises';

/** As a backup would: all but the lock, which is a socket. */
export function copyJournal(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: (path) => !path.includes('/lock.') });
}

// What keeps a journal from being opened or read. The message is one line for a person: what,
// where, what to do. A refusal has changed nothing in the folder.

export type JournalErrorKind =
  | 'locked' // another process has it
  | 'newer' // written by a newer version of this program
  | 'foreign' // the folder holds something else
  | 'mismatch' // files of two journals, or of another lane count
  | 'damaged' // bytes below the synced end can't be read
  | 'gone' // the offset was deleted
  | 'disk'; // the disk refused

export class JournalError extends Error {
  override name = 'JournalError';
  readonly kind: JournalErrorKind;
  constructor(kind: JournalErrorKind, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** No room on the disk, or in this user's quota. */
export function isFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

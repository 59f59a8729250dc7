import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Journal, JournalTrouble } from './journal.js';

// What the log says of a journal that takes no events: one line when that begins and one when it is over. A
// disk that comes and goes is said at most once a minute for each kind of trouble, with how often it was not.

const quietMs = 60_000;

export function watchJournal(journal: Journal, clock: Clock, log: Log): void {
  const said = new Map<JournalTrouble, { atMs: number; unsaid: number }>();
  let isOpen = false;
  let current: JournalTrouble | null = null;

  function trouble(): void {
    const { troubleKind, trouble: text } = journal;
    if (troubleKind === null || troubleKind === current) return;
    current = troubleKind;
    const nowMs = clock.monotonicMs();
    const last = said.get(troubleKind);
    if (last !== undefined && nowMs - last.atMs < quietMs) {
      last.unsaid++;
      return;
    }
    const again = last !== undefined && last.unsaid > 0 ? { unsaid: last.unsaid } : {};
    said.set(troubleKind, { atMs: nowMs, unsaid: 0 });
    isOpen = true;
    log.error({ trouble: troubleKind, ...again }, `the journal takes no events: ${text}`);
  }

  if (!journal.writable) trouble();
  journal.onFailed(trouble);
  journal.onWritable((writable) => {
    if (!writable) {
      trouble();
      return;
    }
    current = null;
    if (isOpen) log.info({}, 'the journal takes events again');
    isOpen = false;
  });
}

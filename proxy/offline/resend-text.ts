// What `headwater journal resend` says: to a person on standard error, the outcome on standard output.

import type { ResendOptions } from './resend.js';
import { resendLane } from './resend-sink.js';
import type { Found } from './selection.js';

export interface Result {
  id: string;
  /** Kafka records of this run; the transaction that is in flight at a kill counts for the next one. */
  sent: number;
  /** Of them, those that Kafka refused: they went to the dead letters, as ever. */
  letters: number;
  /** Of what was found, what the journal let go of before it was sent. */
  gone: number;
  /** Behind what an earlier run had sent: bytes of the journal that nobody can count the records of any more. */
  goneBytes: number;
  found: Found;
  /** Nothing of it is left to send. */
  isThrough: boolean;
}

/** `start`: where an earlier run came to; null: there was none. */
export function sayFound(
  found: Found,
  options: ResendOptions,
  id: string,
  start: { end: number; begin: number } | null,
): void {
  const { records, events, topics, keptSinceMs, waiting } = found;
  const since = keptSinceMs === null ? null : new Date(keptSinceMs).toISOString();
  if (since === null) say('the journal holds no events');
  else if (keptSinceMs! > options.from) {
    say(`the journal holds events since ${since}, and none of before (journal.keepCommittedHours)`);
  }
  if (waiting > 0) {
    say(
      `${waiting} journal records are not in Kafka yet: the proxy sends them, and this command again, when it is run again`,
    );
  }
  if (start !== null) say(`resend ${id} goes on behind what it has sent before`);
  if (start !== null && start.end < start.begin) {
    say(
      `it had come to ${start.end}, and the journal begins at ${start.begin} now: what lay between and was not sent is gone`,
    );
  }
  const list = Object.entries(topics).map(([topic, count]) => `${topic} ${count}`);
  const what = options.dryRun === true ? 'would be sent again' : 'are sent again';
  const to = list.length === 0 ? '' : `: ${list.join(', ')}`;
  say(`${records} records with ${events} events ${what}${to}`);
  if (records > 0) say(`they come again in these topics, each with the header hw-resent: ${id}`);
}

export function sayEnd(result: Result, options: ResendOptions): void {
  const { id, sent, letters, gone, goneBytes, found, isThrough } = result;
  const { records, events, topics, waiting, keptSinceMs } = found;
  if (gone > 0) say(goneText(result));
  if (options.json === true) {
    const keptSince = keptSinceMs === null ? null : new Date(keptSinceMs).toISOString();
    const dryRun = options.dryRun === true;
    const counts = { records, events, topics, waiting, keptSince };
    const done = { sent, letters, gone, goneBytes, through: isThrough, dryRun };
    console.log(JSON.stringify({ id, ...counts, ...done }));
    return;
  }
  if (options.dryRun === true || gone > 0) return;
  const refused = letters > 0 ? `, ${letters} of them as dead letters: headwater dlq list` : '';
  if (isThrough) console.log(`resend ${id}: through, ${sent} records sent${refused}`);
  else console.log(`resend ${id}: ${sent} of ${records} records sent; the same command goes on`);
}

const goneText = ({ id, sent, gone, found }: Result) =>
  `resend ${id}: ${sent} of ${found.records} records sent; ${gone} are gone: the journal let go of them before they were ` +
  'sent, to make room for events. Nothing of it is left to send; a larger journal.bytesMax keeps events longer';

/** A lane speaks of itself; here it is the only one. */
export function sayLine(text: string): void {
  if (!text.includes('was taken over by')) say(text.replace(`lane ${resendLane}: `, ''));
}

export function say(text: string): void {
  process.stderr.write(`headwater: ${text}\n`);
}

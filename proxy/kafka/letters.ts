// What a dead letter is: a record that can't go where it was to go, with all that is needed to send it there later.
// KAFKA.md [K-37]

import { createHash } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { LaneEvent } from './lane-types.js';
import type { Letter } from './poison.js';
import type { SinkRecord } from './sink.js';

/** Of a value whose letter was refused for its size. */
const cutBytes = 4096;
/** A broker's words can be long, and a header counts as the record does. */
const whyCharactersMax = 300;

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

export function toLetter(
  record: SinkRecord,
  { why, isCut }: Letter,
  topic: string,
  nowMs: number,
): SinkRecord {
  const { value, headers } = record;
  return {
    ...record,
    topic,
    value: isCut ? value.subarray(0, cutBytes) : value,
    timestampMs: nowMs,
    headers: {
      ...headers,
      'hw-topic': record.topic,
      'hw-timestamp': `${Math.trunc(record.timestampMs)}`,
      'hw-why': why.slice(0, whyCharactersMax),
      ...(isCut ? { 'hw-bytes': `${value.length}`, 'hw-sha256': sha256Of(value) } : {}),
    },
  };
}

const linesApartMs = 10_000;

/** Tells of the letters among what was committed: each in the count, and of each topic at most one line in ten seconds. */
export function createLetterLog(
  who: string,
  topic: string,
  clock: Clock,
  on: (event: LaneEvent) => void,
): (committed: readonly SinkRecord[]) => void {
  const told = new Map<string, { saidMs: number; unsaid: number }>();

  function tell(was: string, letters: readonly SinkRecord[]): void {
    const of = told.get(was) ?? { saidMs: Number.NEGATIVE_INFINITY, unsaid: 0 };
    told.set(was, of);
    of.unsaid += letters.length;
    const nowMs = clock.monotonicMs();
    if (nowMs - of.saidMs < linesApartMs) return;
    const why = letters.at(-1)?.headers['hw-why'];
    const text = `${who}: ${of.unsaid} for ${was} became dead letters in ${topic}: ${why}`;
    on({ kind: 'line', level: 'warn', text });
    of.saidMs = nowMs;
    of.unsaid = 0;
  }

  return (committed) => {
    const byTopic = new Map<string, SinkRecord[]>();
    let records = 0;
    for (const record of committed) {
      if (record.topic !== topic) continue;
      records++;
      const was = record.headers['hw-topic'] ?? '';
      const letters = byTopic.get(was);
      if (letters === undefined) byTopic.set(was, [record]);
      else letters.push(record);
    }
    if (records > 0) on({ kind: 'dead-letters', records });
    for (const [was, letters] of byTopic) tell(was, letters);
  };
}

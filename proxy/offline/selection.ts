import { createHash } from 'node:crypto';
import { batches, type JournalReader } from '../journal/reader.js';
import type { Located, Position } from '../journal/record.js';
import type { RecordMaker } from '../kafka/records.js';
import type { SinkRecord } from '../kafka/sink.js';

// What of a journal a resend sends: records that Kafka was said to have, of a stretch of time, each as it went and marked.

export interface Selection {
  /** When the proxy took it: from ≤ time < to, ms. */
  fromMs: number;
  toMs: number;
  topic?: string | undefined;
  device?: string | undefined;
}

/** What is there, found by reading it all. */
export interface Found {
  /** Kafka records, and events in them: ranges of lost events are none. */
  records: number;
  events: number;
  topics: Record<string, number>;
  /** End of the last journal record that is among them; 0: none is. */
  lastEnd: number;
  /** When the proxy took the first event that is still there; null: there is none. */
  keptSinceMs: number | null;
  /** Journal records of the stretch that Kafka has not yet, and what lies behind the first of them: the proxy sends them. */
  waiting: number;
  /** Where they begin, so that a resend's place never passes what it has not sent; else the end of what was read. */
  end: number;
}

export type Progress = (doneBytes: number, allBytes: number) => void;

/** The same selection of the same journal has the same name, so that the same command goes on where it was. */
export function nameOf(journal: string, selection: Selection): string {
  const { fromMs, toMs, topic = null, device = null } = selection;
  const text = JSON.stringify([journal, fromMs, toMs, topic, device]);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** As a person asks for it. */
export function selectionText({ fromMs, toMs, topic, device }: Selection): string {
  const at = (ms: number) => new Date(ms).toISOString();
  const words = ['--from', at(fromMs), '--to', at(toMs)];
  if (topic !== undefined) words.push('--topic', topic);
  if (device !== undefined) words.push('--device', device);
  return words.join(' ');
}

export function isOfStretch({ record }: Located, { fromMs, toMs, device }: Selection): boolean {
  if (record.kind !== 'block' && record.kind !== 'loss') return false;
  if (device !== undefined && record.device !== device) return false;
  return record.arrivalMs >= fromMs && record.arrivalMs < toMs;
}

/** The records as they went to Kafka, and `hw-resent`. Tables are learned from every record, whatever is selected. */
export function resentRecords(
  maker: RecordMaker,
  selection: Selection,
  id: string,
): (located: Located) => SinkRecord[] {
  return (located) => {
    const records = maker.toRecords(located);
    if (!isOfStretch(located, selection)) return [];
    const { topic } = selection;
    return records
      .filter((record) => topic === undefined || record.topic === topic)
      .map((record) => ({ ...record, headers: { ...record.headers, 'hw-resent': id } }));
  };
}

export function isCommitted(
  { lane, end }: Located,
  confirmed: ReadonlyMap<number, Position>,
): boolean {
  return end <= (confirmed.get(lane)?.end ?? 0);
}

/** Reads the journal from its beginning: records behind `after`, which an earlier run has sent, are counted. */
export async function find(options: {
  reader: JournalReader;
  confirmed: ReadonlyMap<number, Position>;
  until: number;
  after: number;
  toRecords(located: Located): SinkRecord[];
  progress: Progress;
}): Promise<Found> {
  const { reader, confirmed, until, after, toRecords, progress } = options;
  const found: Found = {
    ...{ records: 0, events: 0, topics: {}, lastEnd: 0, keptSinceMs: null, waiting: 0 },
    end: until,
  };
  const begin = await reader.begin();
  for await (const located of batches(reader, begin, until)) {
    for (const one of located) note(one);
    progress((located.at(-1)?.end ?? begin) - begin, until - begin);
  }
  return found;

  function note(one: Located): void {
    const { record } = one;
    if (record.kind === 'block' || record.kind === 'loss') found.keptSinceMs ??= record.arrivalMs;
    const records = toRecords(one);
    if (records.length === 0) return;
    if (found.waiting > 0 || !isCommitted(one, confirmed)) {
      if (found.waiting === 0) found.end = one.offset;
      found.waiting++;
      return;
    }
    if (one.offset < after) return;
    found.lastEnd = one.end;
    found.records += records.length;
    if (record.kind === 'block') found.events += records.length;
    for (const { topic } of records) found.topics[topic] = (found.topics[topic] ?? 0) + 1;
  }
}

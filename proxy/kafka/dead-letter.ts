// A dead letter as it is read back, and the record that it was: letters.ts the other way round. Beside letters the dead-letter topic
// holds notes, written by `headwater dlq resend` in the transaction that brings letters home: which of their partition they were.
// So a letter was resent if, and only if, a note says so; and a topic that forgets its beginning forgets letters before their notes.
// KAFKA.md [K-37], [K-38]

import type { FetchedMessage } from './broker.js';
import type { SinkRecord } from './sink.js';

export interface DeadLetter {
  /** Where it lies in the dead-letter topic. */
  partition: number;
  offset: number;
  madeMs: number;
  /** Where it was to go, and why it did not. */
  topic: string;
  why: string;
  device: string;
  /** `<boot>/<seq>`; empty where another program wrote it without. */
  id: string;
  /** Of a value that had to go without its end: what the whole is. */
  whole: { bytes: number; sha256: string } | null;
  /** As it was to be: the value may be cut. */
  record: SinkRecord;
}

/** Which letters of the partition that it lies in were resent. */
export interface ResentNote {
  partition: number;
  /** Offsets: [first, one past the last]. */
  resent: [from: number, to: number][];
  /** Random per run of the command. */
  run: string;
}

export type Found =
  | { kind: 'letter'; letter: DeadLetter }
  | { kind: 'note'; note: ResentNote }
  | { kind: 'other' };

const noteHeader = 'hw-note';
const ofLetter = ['hw-topic', 'hw-timestamp', 'hw-why', 'hw-bytes', 'hw-sha256'];

export function readFound(message: FetchedMessage, partition: number): Found {
  const headers = headersOf(message);
  if (headers[noteHeader] !== undefined) return readNote(message, partition);
  const topic = headers['hw-topic'];
  if (topic === undefined) return { kind: 'other' };
  const { 'hw-timestamp': timestamp, 'hw-bytes': bytes, 'hw-sha256': sha256 } = headers;
  const key = message.key ?? Buffer.alloc(0);
  const own = Object.entries(headers).filter(([name]) => !ofLetter.includes(name));
  const letter: DeadLetter = {
    partition,
    offset: Number(message.offset),
    madeMs: Number(message.timestamp),
    ...{ topic, why: headers['hw-why'] ?? '', device: key.toString(), id: headers['hw-id'] ?? '' },
    whole: bytes === undefined || sha256 === undefined ? null : { bytes: Number(bytes), sha256 },
    record: {
      ...{ topic, key, value: message.value ?? Buffer.alloc(0) },
      timestampMs: Number(timestamp ?? message.timestamp),
      headers: Object.fromEntries(own),
    },
  };
  return { kind: 'letter', letter };
}

/** What goes to its own topic: as it was, and marked with where its letter lies. */
export function toResent({ record, partition, offset }: DeadLetter, value: Uint8Array): SinkRecord {
  return {
    ...record,
    value,
    headers: { ...record.headers, 'hw-resent': `${partition}/${offset}` },
  };
}

/** A note's value and headers; it lies in its letters' partition. */
export function encodeNote(
  letters: readonly DeadLetter[],
  run: string,
  nowMs: number,
): { value: string; headers: Record<string, string> } {
  const resent: [number, number][] = [];
  for (const { offset } of letters) {
    const last = resent.at(-1);
    if (last?.[1] === offset) last[1] = offset + 1;
    else resent.push([offset, offset + 1]);
  }
  const value = JSON.stringify({ resent, run, at: new Date(nowMs).toISOString() });
  return { value, headers: { [noteHeader]: 'resent' } };
}

function readNote({ value }: FetchedMessage, partition: number): Found {
  try {
    const { resent, run } = JSON.parse(`${value}`) as Record<string, unknown>;
    if (!Array.isArray(resent) || !resent.every(isRange)) return { kind: 'other' };
    return { kind: 'note', note: { partition, resent, run: `${run}` } };
  } catch {
    return { kind: 'other' };
  }
}

function isRange(range: unknown): range is [number, number] {
  return Array.isArray(range) && range.length === 2 && range.every(Number.isSafeInteger);
}

function headersOf({ headers }: FetchedMessage): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) texts[name] = first.toString();
  }
  return texts;
}

import { JournalError } from './error.js';
import { flagMaySkip } from './format.js';
import { decodePayload, recordType } from './payload.js';
import type { Located } from './record.js';
import type { RawRecord } from './walk.js';

/**
 * The record that its bytes say. Null for a group record and for a type of a later version that
 * may be skipped ([J-20]). `path` is for the error's reader.
 */
export function openRecord(
  raw: RawRecord,
  place: { generation: number; journal: string; path: string },
): Located | null {
  if (raw.type === recordType.group) return null;
  const record = decodePayload(raw.type, raw.payload, place.journal);
  if (record !== null) {
    const { lane, offset, end, check } = raw;
    return { record, lane, generation: place.generation, offset, end, check };
  }
  if (raw.flags & flagMaySkip) return null;
  throw new JournalError(
    'newer',
    `${place.path}: the record at offset ${raw.offset} has type ${raw.type}, which this version ` +
      'does not know; start the version that wrote it or a later one',
  );
}

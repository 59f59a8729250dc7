// `headwater journal show`: what a journal holds, as a summary or record by record. Reads beside a running proxy and changes nothing.

import { nodeDisk } from '../disk-node.js';
import { readingDisk } from '../journal/audit-disk.js';
import { type Damage, damageText } from '../journal/damage.js';
import { type LaneCount, laneOf } from '../journal/lane.js';
import { JournalReader, type NewestSlot } from '../journal/reader.js';
import type { Located } from '../journal/record.js';
import { listSegments, type Segment } from '../journal/segments.js';
import type { DurablePlace, State } from '../journal/state.js';
import {
  countText,
  journalFolder,
  noJournal,
  print,
  refusal,
  sizeText,
  timeText,
} from './offline-journal.js';
import { plainRecord, recordText } from './record-text.js';

export interface ShowOptions {
  config: string;
  device?: string;
  records?: boolean;
  from?: number;
  limit?: number;
  json?: boolean;
}

const readBytesMax = 1 << 20;

/** Answers the exit code: 0 done, 1 the journal can't be read on, 2 wrong use or no journal. */
export async function showCommand(options: ShowOptions): Promise<number> {
  try {
    const folder = await journalFolder(options.config);
    const onDamage = (damage: Damage) => void process.stderr.write(`${damageText(damage)}\n`);
    const disk = readingDisk(nodeDisk());
    const reader = new JournalReader({ folder, disk, onDamage });
    try {
      const journal = await reader.id();
      if (journal === null) throw noJournal(folder);
      const { records, from, limit } = options;
      const isOfRecords = records === true || from !== undefined || limit !== undefined;
      if (isOfRecords) await showRecords(reader, options);
      else await showSummary(reader, folder, journal, options);
    } finally {
      await reader.close();
    }
    return 0;
  } catch (error) {
    return refusal(error);
  }
}

async function showRecords(reader: JournalReader, options: ShowOptions): Promise<void> {
  const { device, from = 0, limit = Number.POSITIVE_INFINITY, json = false } = options;
  const end = await reader.end();
  const form = json ? (one: Located) => JSON.stringify(plainRecord(one)) : recordText;
  let left = limit;
  // A record begins where the one before ends: the first one at or behind `from`.
  for (let next = await reader.startBefore(from); next < end && left > 0; ) {
    const batch = await reader.read(next, end, readBytesMax);
    next = batch.next;
    for (const one of batch.located) {
      if (one.offset < from || !isOf(one, device)) continue;
      if (left-- <= 0 || !(await print(form(one)))) return;
    }
  }
}

function isOf({ record }: Located, device: string | undefined): boolean {
  if (device === undefined) return true;
  return record.kind === 'confirm'
    ? record.committed.some(([name]) => name === device)
    : record.device === device;
}

async function showSummary(
  reader: JournalReader,
  folder: string,
  journal: string,
  { device, json }: ShowOptions,
): Promise<void> {
  const { state, end, checkpoint } = await reader.readState();
  const { segments } = await listSegments(nodeDisk(), folder);
  const count = await reader.laneCount();
  const summary = {
    ...{ folder, journal, lanes: lanesOf(state, count, end), end },
    segments: segments.map((one) => segmentOf(one, end)),
    checkpoint,
    places: placesOf(state, count, device),
    tables: state
      .tableRecords()
      .filter((one) => device === undefined || one.device === device)
      .map(({ device: of, id, bytes }) => ({ device: of, id, bytes: bytes.length })),
  };
  if (json === true) await print(JSON.stringify(summary));
  else for (const line of summaryLines(summary)) if (!(await print(line))) return;
}

function lanesOf(state: State, count: LaneCount, end: number) {
  return Array.from({ length: count.lanes }, (_, lane) => {
    const confirmed = state.confirmed.get(lane) ?? null;
    const first = state.firstOffsets.get(lane) ?? null;
    const hasAny = confirmed !== null || first !== null;
    const from = Math.max(first ?? 0, state.waitsFrom(lane, count));
    return { lane, confirmed, first, waitingBytes: hasAny ? Math.max(0, end - from) : 0 };
  });
}

function segmentOf({ name, start, end, fileBytes, header }: Segment, last: number) {
  return { name, start, end: end ?? last, fileBytes, createdMs: header.createdMs };
}

function placesOf(state: State, count: LaneCount, device: string | undefined) {
  const places: (Omit<DurablePlace, 'durable'> & {
    device: string;
    seq: number;
    lane: number;
    isCommitted: boolean;
  })[] = [];
  for (const [of, boots] of state.places) {
    if (device !== undefined && of !== device) continue;
    const lane = laneOf(of, count.lanes);
    for (const { durable, ...place } of boots.values()) {
      const isCommitted = state.committed(of, { durable, ...place }, count);
      places.push({ device: of, seq: durable, lane, isCommitted, ...place });
    }
  }
  return places;
}

function* summaryLines(summary: {
  folder: string;
  journal: string;
  end: number;
  lanes: ReturnType<typeof lanesOf>;
  segments: ReturnType<typeof segmentOf>[];
  checkpoint: NewestSlot | null;
  places: ReturnType<typeof placesOf>;
  tables: { device: string; id: string; bytes: number }[];
}): Generator<string> {
  const { folder, journal, end, lanes, segments, checkpoint, places, tables } = summary;
  const begin = segments[0]?.start ?? 0;
  yield `${folder}: journal ${journal}`;
  yield `${countText(segments.length, 'segment')}, offsets ${begin} to ${end} (${sizeText(end - begin)})`;
  for (const one of segments) {
    yield `  ${one.name}  to ${one.end}  ${sizeText(one.fileBytes)}  since ${timeText(one.createdMs)}`;
  }
  yield checkpoint === null
    ? 'no checkpoint that can be read'
    : `${checkpoint.name}: number ${checkpoint.sequence}, covers all below ${checkpoint.end}, written ${timeText(checkpoint.writtenMs)}`;
  for (const { lane, confirmed, waitingBytes } of lanes) {
    const word =
      confirmed === null
        ? 'Kafka has confirmed nothing'
        : `Kafka has all below ${confirmed.end} (record at ${confirmed.offset}, generation ${confirmed.generation})`;
    yield `lane ${lane}: ${word}; ${sizeText(waitingBytes)} behind it`;
  }
  yield countText(places.length, 'place');
  for (const { device, boot, seq, isCommitted, lastOffset, ended, lastTimeMs } of places) {
    const kafka = isCommitted ? 'in Kafka' : 'waits for Kafka';
    const time = lastTimeMs === 0 ? '' : `, newest event ${timeText(lastTimeMs)}`;
    yield `  ${device}  boot ${boot}  next seq ${seq}, ${kafka}${ended ? ', ended' : ''}${time}, newest record at ${lastOffset}`;
  }
  yield countText(tables.length, 'table');
  for (const { device, id, bytes } of tables) yield `  ${device}  ${id}  ${bytes} bytes`;
}

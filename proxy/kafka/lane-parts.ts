// Joins a lane to its real parts, the journal's folder and the record maker. What touches the machine is passed in: in the proxy by
// lane-worker.ts, in a thread of its own; in a simulation by the site.

import type { Clock } from '../clock.js';
import type { Disk } from '../disk.js';
import { JournalReader } from '../journal/reader.js';
import { createLane, type Lane, type LaneEvent, type LaneReader } from './lane.js';
import type { LaneWorkerData } from './lane-thread.js';
import { createLetterValues, letterFolderOf } from './letter-values.js';
import { positionTopicOf } from './position-topic.js';
import { createRecordMaker } from './records.js';
import type { Claim, KafkaSink, SinkRecord } from './sink.js';

export interface LaneParts {
  data: Omit<LaneWorkerData, 'debug' | 'beatMs' | 'delivery'>;
  clock: Clock;
  disk: Disk;
  openSink(lane: number): KafkaSink;
  on(event: LaneEvent): void;
}

export interface JoinedLane {
  lane: Lane;
  /** Ends the reading; once the lane is done. */
  close(): Promise<void>;
}

export function joinLane({ data, clock, disk, openSink, on }: LaneParts): JoinedLane {
  const {
    site,
    lane,
    proxy,
    kafka,
    journalId,
    host,
    begin,
    confirmed,
    ack,
    repeatsUntil = 0,
  } = data;
  const records = createRecordMaker({
    topics: kafka.topics,
    value: kafka.value,
    own: [kafka.topics.loss, kafka.topics.dead, positionTopicOf(site)],
    tables: data.tables,
  });
  const reader = new JournalReader({
    folder: data.journalFolder,
    disk,
    onDamage: (damage) => on({ kind: 'damage', damage }),
  });
  return {
    lane: createLane({
      ...{ lane, proxy, journalId, host, begin, confirmed, clock, on },
      isByKafka: ack === 'kafka',
      openSink: () => openSink(lane),
      firstClaim: lane === 0 ? undefined : () => claimOf(openSink(0)),
      reader: oneAtATime(reader),
      toRecords(located) {
        const made = records.toRecords(located);
        return located.offset < repeatsUntil ? made.map(perhapsRepeated) : made;
      },
      dead: {
        topic: kafka.topics.dead,
        topicGraceMs: kafka.topicGraceSeconds * 1000,
        keep: createLetterValues(disk, letterFolderOf(data.journalFolder)),
      },
      limits: {
        recordsMax: kafka.recordsMax,
        lingerMs: kafka.lingerMs,
        eventsPerSecond: kafka.drainEventsPerSecond,
        passedBytesMax: data.passedBytesMax,
        retryBackoffMs: kafka.retryBackoffMs,
      },
    }),
    close: () => reader.close(),
  };
}

async function claimOf(sink: KafkaSink): Promise<Claim | null> {
  try {
    return (await sink.read()).claim;
  } finally {
    await sink.close();
  }
}

/** [K-25] */
function perhapsRepeated(record: SinkRecord): SinkRecord {
  return { ...record, headers: { ...record.headers, 'hw-repeat': 'perhaps' } };
}

/** The batch ahead may still be reading when the lane starts again. */
export function oneAtATime(journal: LaneReader): LaneReader {
  let turn: Promise<unknown> = Promise.resolve();
  function next<T>(work: () => Promise<T>): Promise<T> {
    const answer = turn.then(work);
    turn = answer.catch(() => {});
    return answer;
  }
  return {
    begin: () => next(() => journal.begin()),
    read: (from, until, bytesMax) => next(() => journal.read(from, until, bytesMax)),
    at: (offset) => next(() => journal.at(offset)),
    isDamagedAt: (position) => next(async () => (await journal.isDamagedAt?.(position)) ?? false),
  };
}

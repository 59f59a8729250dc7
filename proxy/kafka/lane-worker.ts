// The worker thread of one lane: joins the lane to its real parts, the journal's folder, the record
// maker and kafkajs, and speaks with lane-thread.ts. Holds no state of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.js';
import { nodeDisk } from '../disk-node.js';
import { JournalReader } from '../journal/reader.js';
import { createKafkajsSink } from './kafkajs-sink.js';
import { createLane, type LaneReader } from './lane.js';
import type { FromLaneWorker, LaneWorkerData, ToLaneWorker } from './lane-thread.js';
import { createLetterValues, letterFolderOf } from './letter-values.js';
import { positionTopicOf } from './position-topic.js';
import { createRecordMaker } from './records.js';

const port = parentPort;
if (port === null) throw new Error('lane-worker.js runs as a worker thread of the proxy only');
const data = workerData as LaneWorkerData;
const { site, lane, kafka } = data;
const say = (message: FromLaneWorker) => port.postMessage(message);

const records = createRecordMaker({
  topics: kafka.topics,
  value: kafka.value,
  own: [kafka.topics.loss, kafka.topics.dead, positionTopicOf(site)],
  tables: data.tables,
});
const disk = nodeDisk();
const reader = new JournalReader({ folder: data.journalFolder, disk });

const running = createLane({
  lane,
  journalId: data.journalId,
  host: data.host,
  confirmed: data.confirmed,
  clock: systemClock(),
  reader: oneAtATime(reader),
  openSink: () =>
    createKafkajsSink({
      site,
      lane,
      brokers: kafka.brokers,
      ...(kafka.ssl ? { ssl: true } : {}),
      ...(kafka.sasl === undefined ? {} : { sasl: kafka.sasl }),
      ...(data.debug ? { log: (text) => say({ kind: 'line', level: 'debug', text }) } : {}),
    }),
  toRecords: (located) => records.toRecords(located),
  dead: {
    topic: kafka.topics.dead,
    topicGraceMs: kafka.topicGraceSeconds * 1000,
    keep: createLetterValues(disk, letterFolderOf(data.journalFolder)),
  },
  limits: {
    recordsMax: kafka.recordsMax,
    lingerMs: kafka.lingerMs,
    retryBackoffMs: kafka.retryBackoffMs,
  },
  on: say,
});

const beat = setInterval(() => say({ kind: 'beat' }), data.beatMs);

port.on('message', (message: ToLaneWorker) => {
  if (message.kind === 'synced-end') running.syncedEnd(message.end);
  else void running.stop();
});

const end = await running.done;
clearInterval(beat);
await reader.close();
say({ kind: 'done', end });

/** The batch ahead may still be reading when the lane starts again. */
function oneAtATime(journal: LaneReader): LaneReader {
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
  };
}

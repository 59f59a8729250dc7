// The worker thread of one lane: joins the lane to the machine's clock and disk and to the Kafka client, and speaks with lane-thread.ts. Holds
// no state of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.js';
import { nodeDisk } from '../disk-node.js';
import { openCompression } from './compression.js';
import { joinLane } from './lane-parts.js';
import type { FromLaneWorker, LaneWorkerData, ToLaneWorker } from './lane-thread.js';
import { openSecurity } from './login.js';
import { sinkMaker } from './open-sink.js';
import { createRetention } from './retention.js';

const port = parentPort;
if (port === null) throw new Error('lane-worker.js runs as a worker thread of the proxy only');
const data = workerData as LaneWorkerData;
const { site, lane, kafka } = data;
const say = (message: FromLaneWorker) => port.postMessage(message);

const retention = createRetention({
  nowMs: Date.now,
  bootstrap: kafka.brokers.join(','),
  warn: (text) => say({ kind: 'line', level: 'warn', text: `lane ${lane}: ${text}` }),
});

const security = openSecurity(kafka, (text) =>
  say({ kind: 'line', level: 'warn', text: `lane ${lane}: ${text}` }),
);
const createSink = await sinkMaker(kafka.client);
const compression = await openCompression(kafka);
const { lane: running, close } = joinLane({
  data,
  clock: systemClock(),
  disk: nodeDisk(),
  openSink: (at) =>
    createSink({
      site,
      lane: at,
      retention,
      delivery: data.delivery,
      compression,
      brokers: kafka.brokers,
      ...security(),
      ...(data.debug ? { log: (text) => say({ kind: 'line', level: 'debug', text }) } : {}),
    }),
  on: say,
});

const beat = setInterval(() => say({ kind: 'beat' }), data.beatMs);

port.on('message', (message: ToLaneWorker) => {
  if (message.kind === 'synced-end') running.syncedEnd(message.end);
  else void running.stop();
});

const end = await running.done;
clearInterval(beat);
await close();
say({ kind: 'done', end });

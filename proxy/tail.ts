// `headwater tail`: a journal's events as lines, those to come too. Reads beside a running proxy, takes no
// lock and writes nothing. For a bench with one device and no Kafka, and for looking into a site.

import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from './config.js';
import { ConfigError } from './config-file.js';
import { nodeDisk } from './disk-node.js';
import { JournalError } from './journal/error.js';
import { JournalReader } from './journal/reader.js';
import { createRecordMaker } from './kafka/records.js';
import type { SinkRecord } from './kafka/sink.js';
import { terminalText } from './terminal-text.js';

const lookAgainMs = 200;
const readBytesMax = 262_144;

export interface TailOptions {
  config: string;
  follow: boolean;
  json?: boolean;
}

/** Answers the exit code: 0 at the end (--no-follow, or a closed pipe), 2 for a mistake. */
export async function tailCommand(options: TailOptions): Promise<number> {
  const out = process.stdout;
  let open = true;
  out.on('error', () => {
    open = false; // `headwater tail | head` is through
  });
  try {
    const config = await readConfig(options.config);
    const reader = new JournalReader({ folder: config.journal.folder, disk: nodeDisk() });
    if ((await reader.id()) === null) {
      throw new ConfigError(`${config.journal.folder}: no journal yet; a proxy's start makes one`);
    }
    // Bare names instead of topics: `climate`, not `press-hall.climate`.
    const maker = createRecordMaker({
      topics: { prefix: '', routes: {}, loss: '(lost)' },
      value: 'json',
      tables: await reader.readTables(),
    });
    const form = options.json === true ? json : text;
    let next = await reader.begin();
    while (open) {
      const end = await reader.end();
      // A sync failed: what was printed since is void, and its devices send it again.
      next = Math.min(next, reader.rewound ?? next);
      while (next < end && open) {
        const batch = await reader.read(next, end, readBytesMax);
        next = batch.next;
        const records = batch.located.flatMap((located) => maker.toRecords(located));
        const lines = records.map((record) => `${form(record)}\n`).join('');
        if (lines !== '' && !out.write(lines)) await drained(out);
      }
      if (!options.follow) break;
      await sleep(lookAgainMs);
    }
    await reader.close();
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof JournalError)) throw error;
    console.error(error.message);
    return 2;
  }
}

function drained(out: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      out.off('drain', done).off('error', done);
      resolve();
    };
    out.on('drain', done).on('error', done);
  });
}

function text({ topic, key, value, timestampMs, headers }: SinkRecord): string {
  const time = new Date(timestampMs).toISOString();
  const quality = headers['hw-time'] ?? '';
  const doubt = quality === '' || quality === 'synced' ? '' : `  (${quality})`;
  const device = Buffer.from(key).toString();
  return `${time}  ${device}  ${headers['hw-id']}  ${topic}  ${terminalText(Buffer.from(value).toString())}${doubt}`;
}

function json({ topic, key, value, timestampMs, headers }: SinkRecord): string {
  const line = JSON.stringify({
    time: timestampMs,
    device: Buffer.from(key).toString(),
    id: headers['hw-id'],
    quality: headers['hw-time'],
    stream: topic,
    value: JSON.parse(Buffer.from(value).toString()),
  });
  return terminalText(line);
}

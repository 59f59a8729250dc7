// `headwater journal resend`: events that the journal keeps, to their topics again, through a lane of its own: its transactions, its fence, its
// patience with a Kafka that is away and a topic that is missing are the proxy's. Beside a running proxy; writes nothing to the journal.

import { hostname } from 'node:os';
import { type Clock, systemClock } from '../clock.js';
import { type Config, type KafkaConfig, readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import { nodeDisk } from '../disk-node.js';
import { etaText } from '../flow.js';
import { JournalReader } from '../journal/reader.js';
import type { Located, Position } from '../journal/record.js';
import { createKafkajsSink } from '../kafka/kafkajs-sink.js';
import { createLane, type Lane, type LaneEvent, type LaneReader } from '../kafka/lane.js';
import { oneAtATime } from '../kafka/lane-parts.js';
import { createLetterValues, letterFolderOf } from '../kafka/letter-values.js';
import { positionTopicOf } from '../kafka/position-topic.js';
import { createRecordMaker } from '../kafka/records.js';
import { type KafkaSink, SinkError } from '../kafka/sink.js';
import { exitCodeOf } from './complaint.js';
import { resendLane, resendSink } from './resend-sink.js';
import {
  type Found,
  find,
  isCommitted,
  nameOf,
  resentRecords,
  type Selection,
} from './selection.js';

export interface ResendOptions {
  config: string;
  from: number;
  to: number;
  topic?: string;
  device?: string;
  id?: string;
  dryRun?: boolean;
  json?: boolean;
}

interface Result {
  id: string;
  /** Kafka records of this run; the transaction that is in flight at a kill counts for the next one. */
  sent: number;
  /** Of them, those that Kafka refused: they went to the dead letters, as ever. */
  letters: number;
  found: Found;
  isThrough: boolean;
}

const progressMs = 2_000;
const lookAgainMs = 1_000;

/** Answers the exit code: 0 all of it is sent, 1 failed or stopped before, 2 a mistake in use or configuration. */
export async function resendCommand(options: ResendOptions): Promise<number> {
  // The system clock's timers keep no process alive.
  const alive = setInterval(() => {}, 60_000);
  try {
    return await run(options);
  } catch (error) {
    return exitCodeOf(error);
  } finally {
    clearInterval(alive);
  }
}

async function run(options: ResendOptions): Promise<number> {
  const config = await readConfig(options.config);
  const { kafka } = config;
  if (kafka === null) {
    throw new ConfigError(`${options.config}: there is no section kafka, so nothing to send to`);
  }
  if (options.from >= options.to) throw new ConfigError('--from is not before --to');
  const disk = nodeDisk();
  const { folder } = config.journal;
  const reader = new JournalReader({ folder, disk });
  try {
    const journal = await reader.id();
    if (journal === null) throw new ConfigError(`${folder}: there is no journal`);
    const selection: Selection = {
      ...{ fromMs: options.from, toMs: options.to },
      ...{ topic: options.topic, device: options.device },
    };
    const id = options.id ?? nameOf(journal, selection);
    const stretch = new Stretch({ config, kafka, reader, journal, selection, id });
    await stretch.look();
    const mark = options.dryRun === true ? null : await stretch.mark();
    const found = await stretch.find(mark?.end ?? 0);
    sayFound(found, options, id, mark);
    if (options.dryRun === true || found.records === 0) {
      sayEnd({ id, sent: 0, letters: 0, found, isThrough: options.dryRun !== true }, options);
      return 0;
    }
    const result = await stretch.send(found, mark);
    sayEnd(result, options);
    return result.isThrough ? 0 : 1;
  } finally {
    await reader.close();
  }
}

interface StretchParts {
  config: Config;
  kafka: KafkaConfig;
  reader: JournalReader;
  journal: string;
  selection: Selection;
  id: string;
}

class Stretch {
  readonly #parts: StretchParts;
  readonly #clock: Clock = systemClock();
  #tables: Awaited<ReturnType<JournalReader['readTables']>> = [];
  #confirmed: ReadonlyMap<number, Position> = new Map();
  #end = 0;

  constructor(parts: StretchParts) {
    this.#parts = parts;
  }

  /** What the journal says of itself: its tables, and how far Kafka was. */
  async look(): Promise<void> {
    const { reader } = this.#parts;
    const { state, end } = await reader.readState();
    this.#tables = state.tableRecords();
    this.#confirmed = state.confirmed;
    this.#end = end;
  }

  /** How far a run of this resend came before; null: nowhere. Waits for a Kafka that is away. */
  async mark(): Promise<Position | null> {
    const { reader } = this.#parts;
    for (let said = ''; ; ) {
      const sink = this.#sink();
      try {
        const { position } = await sink.read();
        if (position !== null && position.end < (await reader.begin())) throw this.#gone(position);
        return position;
      } catch (error) {
        if (!(error instanceof SinkError)) throw error;
        if (said !== error.message) say(`${error.message}; trying on`);
        said = error.message;
        await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
      } finally {
        await sink.close();
      }
    }
  }

  find(after: number): Promise<Found> {
    const { reader } = this.#parts;
    let saidMs = performance.now();
    return find({
      ...{ reader, after, confirmed: this.#confirmed, until: this.#end },
      toRecords: this.#toRecords(),
      progress(done, all) {
        if (performance.now() - saidMs < progressMs) return;
        saidMs = performance.now();
        say(`reading the journal: ${Math.floor((100 * done) / all)} %`);
      },
    });
  }

  async send(found: Found, mark: Position | null): Promise<Result> {
    const { kafka, id, config, journal } = this.#parts;
    const result: Result = { id, sent: 0, letters: 0, found, isThrough: false };
    const startMs = performance.now();
    let saidMs = startMs;
    let lane: Lane | null = null;
    /** What no other try of the lane's would mend. */
    let mistake: ConfigError | null = null;
    const openSink = () => {
      const sink = this.#sink();
      const read = async () => {
        try {
          return await sink.read();
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          mistake = error;
          void lane?.stop();
          throw error;
        }
      };
      return { ...sink, read };
    };
    const on = (event: LaneEvent) => {
      if (event.kind === 'line' && event.level !== 'debug') sayLine(event.text);
      if (event.kind === 'dead-letters') result.letters += event.records;
      if (event.kind !== 'committed') return;
      result.isThrough = event.position.end >= found.lastEnd;
      // Also what is found to be there after a commit whose answer did not come.
      result.sent += event.records;
      if (result.isThrough) void lane?.stop();
      if (performance.now() - saidMs < progressMs) return;
      saidMs = performance.now();
      const perSecond = (result.sent * 1000) / (saidMs - startMs);
      const eta = etaText((found.records - result.sent) / perSecond);
      say(`${result.sent} of ${found.records} records sent, through in ${eta}`);
    };
    lane = createLane({
      ...{ lane: resendLane, journalId: journal, host: `${hostname()}:${process.pid}`, on },
      ...{ clock: this.#clock, confirmed: mark, openSink },
      reader: oneAtATime(this.#committedOnly()),
      toRecords: this.#toRecords(),
      dead: {
        topic: kafka.topics.dead,
        // A missing topic is what this is often for: it waits until somebody makes it.
        topicGraceMs: Number.POSITIVE_INFINITY,
        keep: createLetterValues(nodeDisk(), letterFolderOf(config.journal.folder)),
      },
      limits: {
        recordsMax: kafka.recordsMax,
        lingerMs: 0,
        eventsPerSecond: kafka.drainEventsPerSecond,
        retryBackoffMs: kafka.retryBackoffMs,
      },
    });
    lane.syncedEnd(found.end);
    const stop = () => void lane?.stop();
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const end = await lane.done;
    process.off('SIGINT', stop).off('SIGTERM', stop);
    if (mistake !== null) throw mistake;
    if (end === 'fenced') say('another resend of this site took over, and this one stops');
    return result;
  }

  #toRecords() {
    const { config, kafka, selection, id } = this.#parts;
    const maker = createRecordMaker({
      topics: kafka.topics,
      value: kafka.value,
      own: [kafka.topics.loss, kafka.topics.dead, positionTopicOf(config.site)],
      tables: this.#tables,
    });
    return resentRecords(maker, selection, id);
  }

  /** Under the lane of resends; what Kafka has not, and the tables' lanes, are nobody's. */
  #committedOnly(): LaneReader {
    const { reader } = this.#parts;
    const nobody = -1;
    const lane = (one: Located) => {
      const isOurs = one.record.kind === 'table' || isCommitted(one, this.#confirmed);
      return isOurs ? resendLane : nobody;
    };
    const ofLane = (one: Located) => ({ ...one, lane: lane(one) });
    return {
      begin: () => reader.begin(),
      async read(from, until, bytesMax) {
        const { located, next } = await reader.read(from, until, bytesMax);
        return { located: located.map(ofLane), next };
      },
      async at(offset) {
        const located = await reader.at(offset);
        return located === null ? null : ofLane(located);
      },
      isDamagedAt: (position) => reader.isDamagedAt(position),
    };
  }

  #sink(): KafkaSink {
    const { config, kafka } = this.#parts;
    const sink = createKafkajsSink({
      ...{ site: config.site, lane: resendLane, brokers: kafka.brokers },
      ...(kafka.ssl ? { ssl: true } : {}),
      ...(kafka.sasl === undefined ? {} : { sasl: kafka.sasl }),
    });
    return resendSink(sink, this.#parts);
  }

  #gone({ end }: Position): ConfigError {
    const { id, config } = this.#parts;
    return new ConfigError(
      `${config.journal.folder}: resend ${id} had come to ${end}, and what is behind that is no longer ` +
        'kept: say a later --from; --dry-run says since when events are there',
    );
  }
}

function sayFound(found: Found, options: ResendOptions, id: string, mark: Position | null): void {
  const { records, events, topics, keptSinceMs, waiting } = found;
  const since = keptSinceMs === null ? null : new Date(keptSinceMs).toISOString();
  if (since === null) say('the journal holds no events');
  else if (keptSinceMs! > options.from) {
    say(`the journal holds events since ${since}, and none of before (journal.keepCommittedHours)`);
  }
  if (waiting > 0)
    say(
      `${waiting} journal records are not in Kafka yet: the proxy sends them, and this command again, when it is run again`,
    );
  if (mark !== null) say(`resend ${id} goes on behind what it has sent before`);
  const list = Object.entries(topics).map(([topic, count]) => `${topic} ${count}`);
  const what = options.dryRun === true ? 'would be sent again' : 'are sent again';
  const to = list.length === 0 ? '' : `: ${list.join(', ')}`;
  say(`${records} records with ${events} events ${what}${to}`);
  if (records > 0) say(`they come again in these topics, each with the header hw-resent: ${id}`);
}

function sayEnd({ id, sent, letters, found, isThrough }: Result, options: ResendOptions): void {
  const { records, events, topics, waiting, keptSinceMs } = found;
  if (options.json === true) {
    const keptSince = keptSinceMs === null ? null : new Date(keptSinceMs).toISOString();
    const dryRun = options.dryRun === true;
    const counts = { records, events, topics, waiting, keptSince };
    console.log(JSON.stringify({ id, ...counts, sent, letters, through: isThrough, dryRun }));
    return;
  }
  if (options.dryRun === true) return;
  const refused = letters > 0 ? `, ${letters} of them as dead letters: headwater dlq list` : '';
  if (isThrough) console.log(`resend ${id}: through, ${sent} records sent${refused}`);
  else console.log(`resend ${id}: ${sent} of ${records} records sent; the same command goes on`);
}

/** A lane speaks of itself; here it is the only one. */
function sayLine(text: string): void {
  if (!text.includes('was taken over by')) say(text.replace(`lane ${resendLane}: `, ''));
}

function say(text: string): void {
  process.stderr.write(`headwater: ${text}\n`);
}

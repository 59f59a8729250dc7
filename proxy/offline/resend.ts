// `headwater journal resend`: events that the journal keeps, to their topics again, through a lane of its own: its transactions, its fence, its
// patience with a Kafka that is away and a topic that is missing are the proxy's. Beside a running proxy; writes nothing to the journal.

import { hostname } from 'node:os';
import { type Clock, systemClock } from '../clock.js';
import { type Config, type KafkaConfig, readConfig } from '../config.js';
import { ConfigError } from '../config-file.js';
import { nodeDisk } from '../disk-node.js';
import { etaText } from '../flow.js';
import { JournalError } from '../journal/error.js';
import { JournalReader } from '../journal/reader.js';
import type { Position } from '../journal/record.js';
import { createKafkajsSink } from '../kafka/kafkajs-sink.js';
import { createLane, type LaneEvent } from '../kafka/lane.js';
import { oneAtATime } from '../kafka/lane-parts.js';
import { createLetterValues, letterFolderOf } from '../kafka/letter-values.js';
import { openSecurity, type Security } from '../kafka/login.js';
import { positionTopicOf } from '../kafka/position-topic.js';
import { createRecordMaker } from '../kafka/records.js';
import { type KafkaSink, SinkError } from '../kafka/sink.js';
import { exitCodeOf } from './complaint.js';
import { resendReader } from './resend-reader.js';
import { resendLane, resendSink } from './resend-sink.js';
import { type Result, say, sayEnd, sayFound, sayLine } from './resend-text.js';
import { type Found, find, nameOf, resentRecords, type Selection } from './selection.js';

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
    const begin = await reader.begin();
    const found = await stretch.find(mark?.end ?? 0);
    sayFound(found, options, id, mark === null ? null : { end: mark.end, begin });
    const goneBytes = mark === null ? 0 : Math.max(0, begin - mark.end);
    const none = { sent: 0, letters: 0, gone: 0, isThrough: options.dryRun !== true };
    const isSending = options.dryRun !== true && found.records > 0;
    const did = isSending ? await stretch.send(found, mark) : none;
    sayEnd({ id, found, goneBytes, ...did }, options);
    return options.dryRun === true || (did.isThrough && did.gone + goneBytes === 0) ? 0 : 1;
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

type Done = Pick<Result, 'sent' | 'letters' | 'gone' | 'isThrough'>;

interface SendingLane {
  stop(): Promise<void>;
  /** Once it has ended: because the journal let go of what it was to read. */
  isGone: Promise<boolean>;
}

class Stretch {
  readonly #parts: StretchParts;
  readonly #clock: Clock = systemClock();
  #tables: Awaited<ReturnType<JournalReader['readTables']>> = [];
  #confirmed: ReadonlyMap<number, Position> = new Map();
  #end = 0;
  readonly #security: () => Security;

  constructor(parts: StretchParts) {
    this.#parts = parts;
    this.#security = openSecurity(parts.kafka, say);
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
    for (let said = ''; ; ) {
      const sink = this.#sink();
      try {
        const { position } = await sink.read();
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

  /** From the beginning once more where the journal let go of what was being read. */
  async find(after: number): Promise<Found> {
    const { reader } = this.#parts;
    let saidMs = performance.now();
    for (;;) {
      try {
        return await find({
          ...{ reader, after, confirmed: this.#confirmed, until: this.#end },
          toRecords: this.#toRecords(),
          progress(done, all) {
            if (performance.now() - saidMs < progressMs) return;
            saidMs = performance.now();
            say(`reading the journal: ${Math.floor((100 * done) / all)} %`);
          },
        });
      } catch (error) {
        if (!(error instanceof JournalError) || error.kind !== 'gone') throw error;
      }
    }
  }

  /** One lane after the other, as long as the journal lets go of what the one before was to read. */
  async send(found: Found, mark: Position | null): Promise<Done> {
    const done: Done = { sent: 0, letters: 0, gone: 0, isThrough: false };
    let isStopped = false;
    let lane: SendingLane | null = null;
    const stop = () => {
      isStopped = true;
      void lane?.stop();
    };
    process.once('SIGINT', stop).once('SIGTERM', stop);
    const onCommitted = sayingProgress(found, done);
    for (let place = mark; !done.isThrough && !isStopped; ) {
      lane = this.#open(found, place, (event) => {
        if (event.kind === 'line' && event.level !== 'debug') sayLine(event.text);
        if (event.kind === 'dead-letters') done.letters += event.records;
        if (event.kind !== 'committed') return;
        place = event.position;
        // Also what is found to be there after a commit whose answer did not come.
        done.sent += event.records;
        done.isThrough = event.position.end >= found.lastEnd;
        if (done.isThrough) void lane?.stop();
        onCommitted();
      });
      if (!(await lane.isGone)) break;
      if ((await this.#parts.reader.begin()) >= found.lastEnd) done.isThrough = true;
    }
    process.off('SIGINT', stop).off('SIGTERM', stop);
    if (done.isThrough) done.gone = Math.max(0, found.records - done.sent);
    return done;
  }

  #open(found: Found, confirmed: Position | null, on: (event: LaneEvent) => void): SendingLane {
    const { kafka, config, journal, reader } = this.#parts;
    let isGone = false;
    /** What no other try of the lane's would mend. */
    let mistake: ConfigError | null = null;
    const openSink = () =>
      this.#sink((error) => {
        mistake = error;
        void lane.stop();
      });
    const journalReader = resendReader({
      ...{ reader, confirmed: this.#confirmed, lastEnd: found.lastEnd },
      onGone() {
        isGone = true;
        void lane.stop();
      },
    });
    const lane = createLane({
      ...{ lane: resendLane, journalId: journal, host: `${hostname()}:${process.pid}`, on },
      ...{ clock: this.#clock, confirmed, openSink, reader: oneAtATime(journalReader) },
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
    const ended = lane.done.then((end) => {
      if (mistake !== null) throw mistake;
      if (end === 'fenced') say('another resend of this site took over, and this one stops');
      return isGone && end === 'stopped';
    });
    return { stop: () => lane.stop(), isGone: ended };
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

  #sink(onMistake: (error: ConfigError) => void = () => {}): KafkaSink {
    const { config, kafka } = this.#parts;
    const sink = createKafkajsSink({
      ...{ site: config.site, lane: resendLane, brokers: kafka.brokers, delivery: config.delivery },
      ...this.#security(),
    });
    return resendSink(sink, { ...this.#parts, onMistake });
  }
}

function sayingProgress(found: Found, done: Done): () => void {
  const startMs = performance.now();
  let saidMs = startMs;
  return () => {
    if (performance.now() - saidMs < progressMs) return;
    saidMs = performance.now();
    const perSecond = (done.sent * 1000) / (saidMs - startMs);
    const eta = etaText((found.records - done.sent) / perSecond);
    say(`${done.sent} of ${found.records} records sent, through in ${eta}`);
  };
}

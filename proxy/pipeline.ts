import { ByKafka, byJournal } from './acknowledged.js';
import { type DeviceKeys, noKeys } from './auth/auth.js';
import type { Balance } from './books.js';
import { createBooks } from './books.js';
import { countBuffered } from './buffered.js';
import type { Clock } from './clock.js';
import type { Config, KafkaConfig } from './config.js';
import { createDamageNotes } from './damage-notes.js';
import type { Disk } from './disk.js';
import { timedDisk } from './disk-timed.js';
import { type Doors, doorsOfMachine } from './doors.js';
import { type FlowParts, watchFlow } from './flow.js';
import { type Adoption, readAdoption } from './journal/adoption.js';
import { type Journal, openJournal } from './journal/journal.js';
import { JournalReader } from './journal/reader.js';
import type { Position } from './journal/record.js';
import { watchJournal } from './journal/watch.js';
import type { Lane, LaneEvent, LaneStart } from './kafka/lane-types.js';
import { allowOf } from './limits/allow.js';
import { Listeners } from './listeners/listeners.js';
import type { Log } from './log.js';
import { createOutcomes } from './outcomes.js';
import { Sessions } from './sessions.js';
import { portError } from './start-error.js';
import { waitingSince } from './waiting.js';

// send() → block → store → frame → link ⇉ listener → frame → session → journal ⇒ ack → batch → kafka ⇒ commit
//
// The proxy's half, from the listener on, joined on one screen. A single arrow hands over, ⇉ crosses
// the wire, ⇒ makes a promise: after ack the device may forget the event, after commit the proxy may.
// Every stage is bounded; what is full grants no more credit. Invariant: committed ≤ durable ≤ received.

export interface PipelineParts {
  config: Config;
  clock: Clock;
  disk: Disk;
  log: Log;
  /** For people, in a lane's claim: host name and pid. */
  host: string;
  startLane(options: LaneStart): Lane;
  /** Of the devices, where listeners ask for them. */
  keys?: DeviceKeys | null;
  /** The machine's own, unless a simulation has others. */
  doors?: Doors;
}

export interface Pipeline {
  /** Null where TCP is configured not to be. */
  readonly tcpPort: number | null;
  /** Null where TLS is not configured. */
  readonly tlsPort: number | null;
  /** Null where UDP is not configured. */
  readonly udpPort: number | null;
  readonly httpPort: number;
  /** A lane that may not go on, in its words: another proxy has it, or its position was refused. */
  readonly halted: Promise<HaltedError>;
  /** Takes nothing more, waits for Kafka within limits.drainTimeoutMs, closes the books. */
  stop(): Promise<Balance>;
}

export async function startPipeline(parts: PipelineParts): Promise<Pipeline> {
  const { config, clock, log, doors = doorsOfMachine } = parts;
  const keys = parts.keys ?? noKeys;
  let fsyncTook = (_seconds: number) => {};
  const disk = timedDisk(parts.disk, clock, (seconds) => fsyncTook(seconds));
  const { folder, bytesMax, segmentBytes, keepCommittedHours } = config.journal;
  const keepCommittedMs = keepCommittedHours * 3_600_000;
  const books = createBooks();
  const outcomes = createOutcomes(clock, (kind, detail) => {
    log[ordinary.has(kind) ? 'debug' : 'warn']({ outcome: kind, ...detail }, `outcome ${kind}`);
  });
  const damage = createDamageNotes(log);
  const onDamage = damage.note;
  const journal = await openJournal({
    ...{ folder, disk, clock, bytesMax, segmentBytes, keepCommittedMs, groupIntervalMs },
    ...{ books, onDamage, lanes: config.kafka?.lanes ?? 1 },
  });
  const closing: (() => Promise<unknown>)[] = [() => journal.close()];
  try {
    const { limits } = config;
    const isByKafka = config.ack === 'kafka';
    const acknowledged = isByKafka ? new ByKafka(journal, clock) : byJournal(journal);
    const sessions = new Sessions({
      ...{ clock, journal, acknowledged, books, outcomes, limits, keys },
      allow: allowOf(config.allow),
    });
    const { accept } = sessions;
    const listeners = new Listeners({ doors, config, accept, outcomes, clock, log });
    const laneCount = config.kafka && laneCountRemark(journal.lanes, config.kafka.lanes);
    if (laneCount !== null) log.warn({}, laneCount);
    const lanes: Lane[] = [];
    const lastErrors: string[] = [];
    const freeBytes = () => disk.freeBytes(folder);
    const ages = await agesOf({ folder, disk, journal });
    const flow = watchFlow({ journal, books, clock, log, ages });
    closing.unshift(async () => flow.stop());
    const metrics = doors.createMetrics({
      ...{ journal, books, outcomes, sessions, keys, listeners, lanes, freeBytes, damage, flow },
      modes: config,
    });
    fsyncTook = metrics.fsync;
    const http = await doors
      .startHttp({
        ...config.http,
        metrics: metrics.page,
        trouble: () => (journal.trouble === null ? [] : [journal.trouble]),
        remarks: () => [
          ...lanes.flatMap((lane, at) => laneRemark(lane, at)),
          ...[laneCount, flow.remark, keys.trouble()].filter((remark) => remark !== null),
        ],
      })
      .catch(portError('http', config.http));
    closing.unshift(() => http.close());
    watchJournal(journal, clock, log);
    if (config.kafka !== null) {
      closing.unshift(() => Promise.all(lanes.map((lane) => lane.stop())));
      // A journal that is refused must not have acknowledged anything; one whose Kafka is away may.
      const adoption = await readAdoption(disk, folder, journal.id);
      if (adoption !== null) sayAdopted(log, adoption);
      await startLanes(parts, config.kafka, { journal, adoption }, lanes, (lane, event) => {
        metrics.count(lane, event);
        if (event.kind === 'damage') damage.note(event.damage);
        if (event.kind === 'line' && event.level === 'error') lastErrors[lane] = event.text;
        if (event.kind === 'committed' && acknowledged instanceof ByKafka) {
          acknowledged.committed(event.position);
        }
        if (event.kind === 'committed') flow.committed(lane, event.position.end, eventsIn(event));
      });
      const ended = lanes.findIndex(({ state }) => state === 'refused' || state === 'fenced');
      if (ended >= 0) throw haltedBy(ended, lastErrors);
    }
    closing.unshift(() => listeners.close());
    await listeners.open();
    return {
      tcpPort: listeners.tcpPort,
      tlsPort: listeners.tlsPort,
      udpPort: listeners.udpPort,
      httpPort: http.port,
      halted: haltOf(lanes, lastErrors),
      async stop() {
        await listeners.close();
        await drain(parts, journal, lanes, () => books.balance(0));
        await Promise.all(lanes.map((lane) => lane.stop()));
        flow.stop();
        const reader = new JournalReader({ folder, disk });
        try {
          return books.balance(await countBuffered(reader, journal));
        } finally {
          await reader.close();
          await http.close();
          await journal.close();
        }
      },
    };
  } catch (error) {
    for (const close of closing) await close();
    throw error;
  }
}

/** A disk that can't be read for it is met by the lane, and said there. */
async function agesOf(parts: { folder: string; disk: Disk; journal: Journal }) {
  const { folder, disk, journal } = parts;
  const reader = new JournalReader({ folder, disk });
  try {
    return await waitingSince(reader, journal);
  } catch {
    return [] satisfies FlowParts['ages'];
  } finally {
    await reader.close();
  }
}

/** [J-31] What an ACK may wait for company on its way to the disk. */
const groupIntervalMs = 3;
/** How long a start waits for Kafka's word on the journal. */
const firstWordTimeoutMs = 3_000;

/** What happens on a sound site too: said at debug level only. */
const ordinary = new Set(['duplicate', 'gap', 'beyond-credit', 'replaced', 'table-again']);

const mayRepeat =
  'delivery: at-least-once: after a crash or an error of Kafka events may come again; a reader drops a record whose hw-id ' +
  'is not above the last one of its key and boot';

/** Answers when each lane has decided that this journal may go on, or could not ask Kafka. */
function startLanes(
  { config, clock, log, host, startLane }: PipelineParts,
  kafka: KafkaConfig,
  { journal, adoption }: { journal: Journal; adoption: Adoption | null },
  lanes: Lane[],
  tell: (lane: number, event: LaneEvent) => void,
): Promise<unknown> {
  const { delivery, ack } = config;
  if (delivery === 'at-least-once') log.info({ delivery }, mayRepeat);
  const words: Promise<void>[] = [];
  // [K-25] What Kafka calls it; the journal itself knows its id alone.
  const journalId = adoption?.name ?? journal.id;
  const toKafka = (position: Position | null) => position && { ...position, journal: journalId };
  const proxy = journal.lanes > 1 ? Buffer.from(clock.random(16)).toString('hex') : undefined;
  for (let lane = 0; lane < journal.lanes; lane++) {
    let heard = () => {};
    words.push(
      new Promise((resolve) => {
        heard = resolve;
      }),
    );
    const started = startLane({
      site: config.site,
      ...{ lane, proxy, kafka: shareOf(kafka, journal.lanes), delivery, ack, host, clock },
      debug: config.log.level === 'debug',
      journalFolder: config.journal.folder,
      begin: journal.lanesSince,
      // [K-4] An idle lane holds segments: a small journal would be full of what nobody waits for.
      passedBytesMax: Math.floor(config.journal.bytesMax / 8),
      ...{ journalId, repeatsUntil: adoption?.until ?? 0 },
      confirmed: toKafka(journal.confirmed(lane)),
      tables: () => journal.tables(),
      on(event) {
        if (event.kind === 'committed') {
          const position = { ...event.position, journal: journal.id };
          journal.confirm(position, event.committed, event.dropped);
        }
        tell(lane, event);
        if (event.kind === 'line') log[event.level]({ lane }, event.text);
        if (event.kind !== 'state') return;
        log.debug({ lane, state: event.state }, 'lane');
        if (event.state !== 'starting') heard();
      },
    });
    lanes.push(started);
    started.syncedEnd(journal.syncedEnd);
    void started.done.then(heard);
  }
  journal.onSynced(({ end }) => {
    for (const lane of lanes) lane.syncedEnd(end);
  });
  const late = new Promise<void>((resolve) => clock.after(firstWordTimeoutMs, resolve));
  return Promise.race([Promise.all(words), late]);
}

function eventsIn({ committed, dropped }: Extract<LaneEvent, { kind: 'committed' }>): number {
  const counts = [...committed.map(([, events]) => events), ...dropped.map(([, , lost]) => lost)];
  return counts.reduce((all, events) => all + events, 0);
}

function sayAdopted(log: Log, { at, host, name, until }: Adoption): void {
  const text = `this journal was adopted at ${at} on ${host}: Kafka knows it as ${name}`;
  log.info({ until }, `${text}; what it held then is sent with hw-repeat`);
}

/** The rate is the site's: each lane has a part of it. */
function shareOf(kafka: KafkaConfig, lanes: number): KafkaConfig {
  const { drainEventsPerSecond: all } = kafka;
  return all === undefined ? kafka : { ...kafka, drainEventsPerSecond: Math.ceil(all / lanes) };
}

function haltOf(lanes: readonly Lane[], lastErrors: readonly string[]): Pipeline['halted'] {
  return new Promise((resolve) => {
    for (const [at, lane] of lanes.entries()) {
      void lane.done.then((end) => {
        if (end !== 'stopped') resolve(haltedBy(at, lastErrors));
      });
    }
  });
}

/** A lane's last error is why it ended. */
function haltedBy(lane: number, lastErrors: readonly string[]): HaltedError {
  return new HaltedError(lastErrors[lane] ?? `lane ${lane} may not go on`);
}

/** [K-5] */
function laneCountRemark(lanes: number, wanted: number): string | null {
  if (lanes === wanted) return null;
  return (
    `kafka.lanes is ${wanted} and the journal has ${lanes}, under which events wait for Kafka: the change takes effect at a start ` +
    'where none does; SIGTERM ends the proxy when Kafka has them'
  );
}

function laneRemark(lane: Lane, at: number): string[] {
  return lane.state === 'flowing'
    ? []
    : [`lane ${at} is ${lane.state}: events wait in the journal`];
}

/** Until Kafka has what was received, or the time is over. */
async function drain(
  { config, clock }: PipelineParts,
  journal: Journal,
  lanes: readonly Lane[],
  balance: () => Balance,
): Promise<void> {
  const endMs = clock.monotonicMs() + config.limits.drainTimeoutMs;
  const waits = () => {
    // Where one may not go on, what it had stays: no waiting for the others' sake.
    const mayGoOn = lanes.every(({ state }) => state !== 'refused' && state !== 'fenced');
    const isDrained = lanes.length === 0 || !mayGoOn || balance().balanced;
    return journal.pendingBytes > 0 || !isDrained;
  };
  while (waits() && clock.monotonicMs() < endMs) {
    await new Promise<void>((resolve) => clock.after(20, resolve));
  }
}

/** A lane may not go on; the message says why and what to do. */
export class HaltedError extends Error {
  override name = 'HaltedError';
}

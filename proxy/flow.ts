import type { Balance, Books } from './books.js';
import type { Clock } from './clock.js';
import { Ages } from './journal/ages.js';
import type { Journal } from './journal/journal.js';
import { laneOf } from './journal/lane.js';
import type { Log } from './log.js';

// What waits in the journal for Kafka: how much, how old, and where that leads. For the metrics, /readyz and the log; decides nothing.
// Rates are those of the last minute, and of a drain only what lies in it. While a backlog is drained the log says every half minute how much is
// left and how long it takes. A drain begins with the first commit that meets a backlog, and ends with the one that leaves none.

export interface Flow {
  /** Events that are durable and not committed. */
  readonly events: number;
  /** For how long the oldest of them has waited; 0 where none does. */
  readonly oldestSeconds: number;
  /** Until nothing waits any more, at the rates of the last minute; 0: nothing waits; Infinity: it does not become less. */
  readonly drainEtaSeconds: number;
  /** Until the journal is at its cap; 0: it is; Infinity: what waits does not grow. */
  readonly hoursUntilFull: number;
  /** A line for /readyz while a backlog is drained; null otherwise. */
  readonly remark: string | null;
  /** The lane's position is there, with so many events before it; the books have them. */
  committed(lane: number, end: number, events: number): void;
  stop(): void;
}

export interface FlowParts {
  journal: Journal;
  books: Pick<Books, 'balance'>;
  clock: Clock;
  log: Log;
  /** Of what was there at the start. */
  ages: readonly { lane: number; end: number; sinceMs: number }[];
}

const sampleMs = 5_000;
const samplesMax = 13;
/** Younger, it is the flow itself. */
const backlogSeconds = 10;
/** Also: without a commit for so long it is no drain any more; the lane says why. */
const sayMs = 30_000;

interface Sample {
  atMs: number;
  received: number;
  gone: number;
  backlogBytes: number;
}

interface Drain {
  /** Behind its first commit, whose own time is not known. */
  begin: Sample;
  /** How many waited when it began. */
  events: number;
  commits: number;
  lastCommitMs: number;
  saidAtMs: number;
}

export function watchFlow(parts: FlowParts): Flow {
  return new Watch(parts);
}

class Watch implements Flow {
  readonly #parts: FlowParts;
  readonly #ages: Ages[];
  #samples: Sample[] = [];
  #drain: Drain | null = null;
  #cancel = () => {};

  constructor(parts: FlowParts) {
    this.#parts = parts;
    const { journal, clock } = parts;
    this.#ages = Array.from({ length: journal.lanes }, () => new Ages());
    for (const { lane, end, sinceMs } of parts.ages) this.#ages[lane]?.note(end, sinceMs);
    journal.onSynced(({ end, touched }) => {
      for (const [device, boots] of touched) {
        if (boots.size > 0) this.#ages[laneOf(device, journal.lanes)]?.note(end, clock.nowMs());
      }
    });
    this.#samples.push(this.#sample());
    this.#await();
  }

  get events(): number {
    return eventsOf(this.#parts.books.balance(0));
  }

  get oldestSeconds(): number {
    if (this.events === 0) {
      for (const ages of this.#ages) ages.clear();
      return 0;
    }
    return this.#markedSeconds;
  }

  get drainEtaSeconds(): number {
    const { events } = this;
    if (events === 0) return 0;
    const { outPerSecond, inPerSecond } = this.#rates();
    const net = outPerSecond - inPerSecond;
    return net > 0 ? events / net : Number.POSITIVE_INFINITY;
  }

  get hoursUntilFull(): number {
    const { journal } = this.#parts;
    if (journal.troubleKind === 'cap') return 0;
    const roomBytes = journal.bytesMax - (journal.bytes - journal.keptBytes);
    const bytesPerSecond = perSecond(this.#samples[0]!, this.#samples.at(-1)!, 'backlogBytes');
    return bytesPerSecond > 0
      ? Math.max(0, roomBytes) / bytesPerSecond / 3600
      : Number.POSITIVE_INFINITY;
  }

  get remark(): string | null {
    if (this.#drain === null || !this.#isBacklog) return null;
    const waiting = `draining: ${this.events} events wait`;
    const isKnown = this.#samples.at(-1)!.atMs > this.#drain.begin.atMs;
    return isKnown ? `${waiting}, through in ${etaText(this.drainEtaSeconds)}` : waiting;
  }

  committed(lane: number, end: number, events: number): void {
    const wasBacklog = this.#markedSeconds >= backlogSeconds;
    this.#ages[lane]?.passed(end);
    if (this.#drain === null && wasBacklog) this.#begin(this.events + events);
    if (this.#drain === null) return;
    this.#drain.commits++;
    this.#drain.lastCommitMs = this.#parts.clock.monotonicMs();
    // The marks alone: books of thousands of devices are not added up for each commit.
    if (this.#markedSeconds < backlogSeconds) this.#through(this.#drain);
  }

  stop(): void {
    this.#cancel();
  }

  #await(): void {
    this.#cancel = this.#parts.clock.after(sampleMs, () => {
      this.#await();
      this.#look();
    });
  }

  get #isBacklog(): boolean {
    return this.oldestSeconds >= backlogSeconds;
  }

  get #markedSeconds(): number {
    const since = this.#ages.flatMap(({ sinceMs }) => sinceMs ?? []);
    if (since.length === 0) return 0;
    return Math.max(0, (this.#parts.clock.nowMs() - Math.min(...since)) / 1000);
  }

  #look(): void {
    const sample = this.#sample();
    const last = this.#samples.at(-1)?.gone ?? 0;
    this.#samples.push(sample);
    if (this.#samples.length > samplesMax) this.#samples.shift();
    if (this.#drain === null) return;
    const isFlowing = sample.gone > Math.max(last, this.#drain.begin.gone);
    if (!this.#isBacklog) this.#through(this.#drain);
    else if (isFlowing) this.#say(this.#drain);
    else if (sample.atMs - this.#drain.lastCommitMs >= sayMs) this.#drain = null;
  }

  #begin(events: number): void {
    const begin = this.#sample();
    const never = Number.NEGATIVE_INFINITY;
    this.#drain = { begin, events, commits: 0, lastCommitMs: begin.atMs, saidAtMs: never };
    // The next look sees a whole interval of it.
    this.#cancel();
    this.#await();
  }

  #say(drain: Drain): void {
    const { log, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - drain.saidAtMs < sayMs) return;
    drain.saidAtMs = nowMs;
    const perSecond = Math.round(this.#rates().outPerSecond);
    log.info({ events: this.events, perSecond, eta: etaText(this.drainEtaSeconds) }, 'draining');
  }

  #through({ begin, events, commits }: Drain): void {
    const { log, clock } = this.#parts;
    this.#drain = null;
    // With a long linger each commit meets what is old, and leaves nothing.
    if (commits < 2) return;
    const seconds = Math.round((clock.monotonicMs() - begin.atMs) / 1000);
    log.info({ events, seconds }, 'drained: the backlog is through');
  }

  /** The rate of a drain is none of the standstill before it. */
  #rates(): { outPerSecond: number; inPerSecond: number } {
    const begin = this.#drain?.begin;
    const oldest = this.#samples[0]!;
    const first = begin !== undefined && begin.atMs > oldest.atMs ? begin : oldest;
    const last = this.#samples.at(-1)!;
    return {
      outPerSecond: perSecond(first, last, 'gone'),
      inPerSecond: perSecond(first, last, 'received'),
    };
  }

  #sample(): Sample {
    const { journal, books, clock } = this.#parts;
    const balance = books.balance(0);
    let passed = journal.syncedEnd;
    for (let lane = 0; lane < journal.lanes; lane++) {
      passed = Math.min(passed, journal.waitsFrom(lane));
    }
    const { received } = balance;
    return {
      ...{ atMs: clock.monotonicMs(), received, gone: received - eventsOf(balance) },
      backlogBytes: journal.syncedEnd - passed,
    };
  }
}

function perSecond(first: Sample, last: Sample, of: Exclude<keyof Sample, 'atMs'>): number {
  const seconds = (last.atMs - first.atMs) / 1000;
  return seconds <= 0 ? 0 : (last[of] - first[of]) / seconds;
}

const sumOf = (counts: Record<string, number>) =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

function eventsOf({ received, committed, rejected, dropped }: Balance): number {
  return Math.max(0, received - committed - sumOf(rejected) - sumOf(dropped));
}

/** For people: 45s, 12m, 3h 20m, 2d 4h. */
export function etaText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'never at this rate';
  const minutes = Math.ceil(seconds / 60);
  if (seconds < 90) return `${Math.ceil(seconds)}s`;
  if (minutes < 90) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}h ${minutes % 60}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

import type { Balance, Books } from './books.js';
import type { Clock } from './clock.js';
import { Ages } from './journal/ages.js';
import type { Journal } from './journal/journal.js';
import { laneOf } from './journal/lane.js';
import type { Log } from './log.js';

// What waits in the journal for Kafka: how much, how old, and where that leads. For the metrics, /readyz and the log; decides nothing.
// Rates are those of the last minute. While a backlog is drained the log says every half minute how much is left and how long it takes.

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
  /** The lane's position is there. */
  committed(lane: number, end: number): void;
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
const sayMs = 30_000;

interface Sample {
  atMs: number;
  received: number;
  gone: number;
  backlogBytes: number;
}

export function watchFlow(parts: FlowParts): Flow {
  return new Watch(parts);
}

class Watch implements Flow {
  readonly #parts: FlowParts;
  readonly #ages: Ages[];
  #samples: Sample[] = [];
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #draining: { sinceMs: number; events: number } | null = null;
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
    const since = this.#ages.flatMap(({ sinceMs }) => sinceMs ?? []);
    if (since.length === 0) return 0;
    return Math.max(0, (this.#parts.clock.nowMs() - Math.min(...since)) / 1000);
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
    const { bytesPerSecond } = this.#rates();
    return bytesPerSecond > 0
      ? Math.max(0, roomBytes) / bytesPerSecond / 3600
      : Number.POSITIVE_INFINITY;
  }

  get remark(): string | null {
    if (this.#draining === null) return null;
    return `draining: ${this.events} events wait, through in ${etaText(this.drainEtaSeconds)}`;
  }

  committed(lane: number, end: number): void {
    this.#ages[lane]?.passed(end);
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

  #look(): void {
    const sample = this.#sample();
    const isFlowing = sample.gone > (this.#samples.at(-1)?.gone ?? 0);
    // The rate of a drain is none of the standstill before it.
    if (isFlowing && this.#rates().outPerSecond === 0) this.#samples = this.#samples.slice(-1);
    this.#samples.push(sample);
    if (this.#samples.length > samplesMax) this.#samples.shift();
    const isBacklog = this.oldestSeconds >= backlogSeconds;
    if (isBacklog && isFlowing) this.#say();
    else if (!isBacklog && this.#draining !== null) this.#through(this.#draining);
  }

  #say(): void {
    const { log, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#draining ??= { sinceMs: nowMs, events: this.events };
    if (nowMs - this.#saidAtMs < sayMs) return;
    this.#saidAtMs = nowMs;
    const perSecond = Math.round(this.#rates().outPerSecond);
    log.info({ events: this.events, perSecond, eta: etaText(this.drainEtaSeconds) }, 'draining');
  }

  #through({ sinceMs, events }: { sinceMs: number; events: number }): void {
    const { log, clock } = this.#parts;
    this.#draining = null;
    this.#saidAtMs = Number.NEGATIVE_INFINITY;
    const seconds = Math.round((clock.monotonicMs() - sinceMs) / 1000);
    log.info({ events, seconds }, 'drained: the backlog is through');
  }

  #rates(): { outPerSecond: number; inPerSecond: number; bytesPerSecond: number } {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    const seconds = (last.atMs - first.atMs) / 1000;
    if (seconds <= 0) return { outPerSecond: 0, inPerSecond: 0, bytesPerSecond: 0 };
    return {
      outPerSecond: (last.gone - first.gone) / seconds,
      inPerSecond: (last.received - first.received) / seconds,
      bytesPerSecond: (last.backlogBytes - first.backlogBytes) / seconds,
    };
  }

  #sample(): Sample {
    const { journal, books, clock } = this.#parts;
    const balance = books.balance(0);
    let passed = journal.syncedEnd;
    for (let lane = 0; lane < journal.lanes; lane++) {
      passed = Math.min(passed, journal.confirmed(lane)?.end ?? 0);
    }
    const { received } = balance;
    return {
      ...{ atMs: clock.monotonicMs(), received, gone: received - eventsOf(balance) },
      backlogBytes: journal.syncedEnd - passed,
    };
  }
}

function eventsOf({ received, committed, rejected, dropped }: Balance): number {
  let events = received - committed;
  for (const counts of [rejected, dropped]) {
    for (const count of Object.values(counts)) events -= count;
  }
  return Math.max(0, events);
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

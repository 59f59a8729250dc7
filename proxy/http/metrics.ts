import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { DeviceKeys } from '../auth/auth.js';
import type { Account, Books } from '../books.js';
import type { Config } from '../config.js';
import type { DamageNotes } from '../damage-notes.js';
import type { Flow } from '../flow.js';
import { errorCode } from '../journal/error.js';
import type { Journal, JournalTrouble } from '../journal/journal.js';
import type { LossReason } from '../journal/record.js';
import type { Lane, LaneEvent } from '../kafka/lane-types.js';
import type { Listeners } from '../listeners/listeners.js';
import type { Outcomes } from '../outcomes.js';
import type { Sessions } from '../sessions.js';

// /metrics: the books per device, and how full and how busy each stage is. Read from their owners when
// somebody asks; nothing is counted twice. What examples/alerts.yaml asks for is there as 0 before it happens: increase() does not see
// the first value of a series.

export interface MetricsSources {
  journal: Journal;
  books: Books;
  outcomes: Outcomes;
  sessions: Sessions;
  keys: Pick<DeviceKeys, 'trouble'>;
  listeners: Pick<Listeners, 'channels' | 'lines'>;
  lanes: readonly Lane[];
  /** Of the disk that the journal lies on. */
  freeBytes(): Promise<number>;
  damage: DamageNotes;
  modes: Pick<Config, 'ack' | 'delivery'>;
  flow: Flow;
}

export interface Metrics {
  page(): Promise<{ contentType: string; text: string }>;
  count(lane: number, event: LaneEvent): void;
  fsync(seconds: number): void;
}

export function createMetrics(sources: MetricsSources): Metrics {
  const { journal, outcomes, sessions, keys, listeners, lanes, flow } = sources;
  const registry = new Registry();
  const registers = [registry];
  // A timer at its default of 10 ms is most of what an idle proxy costs.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  exportBooks(registry, sources.books);
  exportLosses(registry, sources.books);

  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(value());
      },
    });
  gauge('headwater_journal_bytes', 'bytes in segments', () => journal.bytes);
  gauge('headwater_journal_bytes_max', 'the cap of them', () => journal.bytesMax);
  gauge(
    'headwater_journal_kept_bytes',
    'of them, what Kafka has and keepCommittedHours keeps',
    () => journal.keptBytes,
  );
  gauge('headwater_journal_unsynced_bytes', 'appended, not durable', () => journal.pendingBytes);
  gauge('headwater_journal_writable', '1: events are taken', () => Number(journal.writable));
  new Gauge({
    ...{ name: 'headwater_modes', help: '1: what is promised, and when', registers },
    labelNames: ['ack', 'delivery'],
  }).set({ ack: sources.modes.ack, delivery: sources.modes.delivery }, 1);
  gauge('headwater_uncommitted_events', 'durable and not in Kafka', () => flow.events);
  gauge(
    'headwater_oldest_uncommitted_seconds',
    'how long the oldest of them has waited; 0: none waits',
    () => flow.oldestSeconds,
  );
  gauge(
    'headwater_drain_eta_seconds',
    'until none waits, at the rates of the last minute; +Inf: they do not become fewer',
    () => flow.drainEtaSeconds,
  );
  gauge(
    'headwater_hours_until_full',
    'until the journal is at its cap, at the rate of the last minute; +Inf: it does not grow',
    () => flow.hoursUntilFull,
  );
  const fsyncs = new Histogram({
    ...{
      name: 'headwater_fsync_seconds',
      help: "the journal's fsync and fdatasync calls",
      registers,
    },
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  });
  exportTrouble(registry, sources);
  gauge('headwater_devices_connected', 'devices with a session', () => sessions.count);
  gauge(
    'headwater_keys_stale',
    "1: the registry of devices' keys can't be read, and a revocation has no effect",
    () => Number(keys.trouble() !== null),
  );
  gauge('headwater_connections', 'open connections and lines', () => listeners.channels);
  new Gauge({
    ...{ name: 'headwater_line_open', help: '1: the serial line is open', registers },
    labelNames: ['path'],
    collect() {
      this.reset();
      for (const [path, state] of listeners.lines()) this.set({ path }, Number(state === 'open'));
    },
  });
  new Counter({
    ...{ name: 'headwater_outcomes_total', help: 'what came in and was not used', registers },
    labelNames: ['kind'],
    collect() {
      this.reset();
      for (const [kind, count] of outcomes.counts()) this.inc({ kind }, count);
    },
  });
  new Gauge({
    ...{ name: 'headwater_lane_backlog_bytes', help: 'durable, not committed', registers },
    labelNames: ['lane'],
    collect() {
      for (const lane of lanes.keys()) {
        this.set({ lane }, journal.syncedEnd - journal.waitsFrom(lane));
      }
    },
  });
  new Gauge({
    ...{ name: 'headwater_lane_flowing', help: '1: the lane delivers', registers },
    labelNames: ['lane'],
    collect() {
      for (const [lane, { state }] of lanes.entries()) {
        this.set({ lane }, Number(state === 'flowing'));
      }
    },
  });
  const events = new Counter({
    ...{ name: 'headwater_lane_events_total', help: 'what befell a lane', registers },
    labelNames: ['lane', 'what'],
    collect() {
      for (const lane of lanes.keys()) for (const what of befalls) this.inc({ lane, what }, 0);
    },
  });
  const transactions = new Counter({
    ...{ name: 'headwater_lane_transactions_total', help: 'committed', registers },
    labelNames: ['lane'],
  });
  const records = new Counter({
    ...{ name: 'headwater_lane_records_total', help: 'Kafka records committed', registers },
    labelNames: ['lane'],
  });
  return {
    page: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    count(lane, event) {
      if (event.kind === 'count') events.inc({ lane, what: event.what });
      if (event.kind === 'dead-letters') events.inc({ lane, what: event.kind }, event.records);
      if (event.kind !== 'committed') return;
      if (!event.recovered) transactions.inc({ lane });
      records.inc({ lane }, event.records);
    },
    fsync: (seconds) => fsyncs.observe(seconds),
  };
}

type Befall = Extract<LaneEvent, { kind: 'count' }>['what'] | 'dead-letters';
const befalls = Object.keys({
  ...{ restarts: 0, 'dead-letters': 0, 'kafka-lost': 0 },
} satisfies Record<Befall, 0>);

/** What a book of losses may have; the other reason is one of rejecting. */
const losses = Object.keys({
  ...{ overflow: 0, refused: 0, damaged: 0, unknown: 0 },
  ...{ 'perhaps-delivered': 0, 'tail-unknown': 0 },
} satisfies Record<Exclude<LossReason, 'undecodable'>, 0>);

const troubles: readonly JournalTrouble[] = ['cap', 'no-space', 'disk-error'];

function exportTrouble(registry: Registry, { journal, freeBytes, damage }: MetricsSources): void {
  const registers = [registry];
  new Gauge({
    ...{ name: 'headwater_journal_trouble', help: '1: takes no events for this', registers },
    labelNames: ['kind'],
    collect() {
      for (const kind of troubles) this.set({ kind }, Number(journal.troubleKind === kind));
    },
  });
  new Gauge({
    ...{ name: 'headwater_disk_free_bytes', help: 'of the disk below the journal', registers },
    async collect() {
      this.set(await freeBytes().catch(() => Number.NaN));
    },
  });
  new Gauge({
    ...{ name: 'headwater_journal_damaged', help: 'damage met since the start', registers },
    collect() {
      this.set(damage.count);
    },
  });
  const failures = new Counter({
    ...{ name: 'headwater_journal_failures_total', help: 'failed writes and fsyncs', registers },
    labelNames: ['code'],
  });
  journal.onFailed((error) => failures.inc({ code: errorCode(error) ?? 'unknown' }));
}

function exportBooks(registry: Registry, books: Books): void {
  const registers = [registry];
  const plain = (term: 'received' | 'committed' | 'resent', help: string) =>
    new Counter({
      ...{ name: `headwater_events_${term}_total`, help, registers, labelNames: ['device'] },
      collect() {
        this.reset();
        for (const device of books.devices()) this.inc({ device }, books.account(device)[term]);
      },
    });
  const reasoned = (term: 'rejected' | 'dropped' | 'lost', help: string) =>
    new Counter({
      ...{ name: `headwater_events_${term}_total`, help, registers },
      labelNames: ['device', 'reason'],
      collect() {
        this.reset();
        for (const device of books.devices()) {
          const account: Account = books.account(device);
          for (const [reason, count] of Object.entries(account[term])) {
            this.inc({ device, reason }, count);
          }
        }
      },
    });
  plain('received', 'events received, each once');
  plain('committed', 'events that Kafka holds');
  plain('resent', 'events that came again');
  reasoned('rejected', 'events that could not be used');
  reasoned('dropped', 'events that damage took from the journal');
  reasoned('lost', 'events that will never arrive; tail-unknown counts boots');
}

/** A device is not known before its first loss, so what is asked for them all has no device; and a life's count begins at 0. */
function exportLosses(registry: Registry, books: Books): void {
  const { lost: before } = books.balance(0);
  new Counter({
    ...{
      name: 'headwater_site_events_lost_total',
      help: 'the same of all devices, since the start of the process',
      registers: [registry],
    },
    labelNames: ['reason'],
    collect() {
      this.reset();
      const { lost } = books.balance(0);
      for (const reason of losses)
        this.inc({ reason }, (lost[reason] ?? 0) - (before[reason] ?? 0));
    },
  });
}

// A lane on a memory or real Kafka with what a test watches: its events, and waiting for them.

import type { Clock } from '../../../proxy/clock.js';
import { systemClock } from '../../../proxy/clock.js';
import type { Position } from '../../../proxy/journal/record.js';
import {
  createLane,
  type Lane,
  type LaneEvent,
  type LaneOptions,
} from '../../../proxy/kafka/lane.js';
import type { LaneStateName } from '../../../proxy/kafka/lane-state.js';
import type { KafkaSink } from '../../../proxy/kafka/sink.js';
import { type MemoryJournal, toRecords } from './memory-journal.js';

export interface Watched {
  lane: Lane;
  events: LaneEvent[];
  lines: string[];
  /** Events per device that were said to be committed. */
  books: Map<string, number>;
  /** The last position that was said to be committed: what the journal would keep. */
  confirmed: Position | null;
  count(what: string): number;
  /** Dead letters that were said to be committed. */
  letters(): number;
  until(state: LaneStateName): Promise<void>;
  /** Until the position that was said to be committed is the journal's end. */
  drained(journal: MemoryJournal): Promise<void>;
}

/** Timers that keep a test alive, which the proxy's own don't. */
const clock: Clock = {
  ...systemClock(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The same, and a test may put it ahead. */
export function steppedClock(): Clock & { aheadMs: number } {
  const stepped = {
    ...clock,
    aheadMs: 0,
    monotonicMs: () => clock.monotonicMs() + stepped.aheadMs,
  };
  return stepped;
}

export function watchLane(
  openSink: () => KafkaSink,
  journal: MemoryJournal,
  options: Partial<LaneOptions> = {},
): Watched {
  const waiting = new Set<() => void>();
  const watched: Omit<Watched, 'lane'> = {
    events: [],
    lines: [],
    books: new Map(),
    confirmed: options.confirmed ?? null,
    count: (what) =>
      watched.events.filter((one) => one.kind === 'count' && one.what === what).length,
    letters: () =>
      watched.events.reduce((sum, one) => sum + (one.kind === 'dead-letters' ? one.records : 0), 0),
    until: (state) => when(() => lane.state === state),
    drained: (of) => when(() => watched.confirmed?.end === of.end),
  };
  const lane = createLane({
    lane: 0,
    journalId: journal.id,
    host: 'test',
    openSink,
    reader: journal.reader,
    confirmed: null,
    clock,
    toRecords: (located) => toRecords(located),
    limits: { recordsMax: 100, lingerMs: 0, retryBackoffMs: 20 },
    dead: { topic: 'dead', topicGraceMs: 60_000, keep: async () => {} },
    on(event) {
      watched.events.push(event);
      if (event.kind === 'line') watched.lines.push(event.text);
      if (event.kind === 'committed') {
        watched.confirmed = event.position;
        for (const [device, events] of event.committed) {
          watched.books.set(device, (watched.books.get(device) ?? 0) + events);
        }
      }
      for (const look of waiting) look();
    },
    ...options,
  });
  lane.syncedEnd(journal.end);
  return Object.assign(watched, { lane });

  function when(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => {
        reject(new Error(`still ${lane.state}; said: ${watched.lines.join(' | ')}`));
      }, 60_000);
      const look = () => {
        if (!condition()) return;
        clearTimeout(limit);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  }
}

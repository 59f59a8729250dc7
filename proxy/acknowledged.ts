import type { Clock } from './clock.js';
import type { Journal } from './journal/journal.js';
import { laneOf } from './journal/lane.js';
import type { Position } from './journal/record.js';

// session → journal ⇒ ack: up to where a device may forget ([W-27]). The one place that knows what an ACK waits for: the journal's
// fsync, or Kafka's commit.
// Invariant: what lies below never moves back while the process lives, and is never above what is durable.

export interface Acknowledged {
  /** Everything of the boot below this seq may be acknowledged; 0 where that is not known. */
  below(device: string, boot: number): number;
  /** device → boots of which it moved, or which are to hear that it did not. */
  onMoved(listener: (moved: ReadonlyMap<string, ReadonlySet<number>>) => void): void;
}

/** `ack: journal` */
export function byJournal(journal: Journal): Acknowledged {
  return {
    below: (device, boot) => journal.places(device)?.get(boot)?.durable ?? 0,
    onMoved: (listener) => journal.onSynced(({ touched }) => listener(touched)),
  };
}

/** What waits for Kafka: once the position has passed `offset`, all below `next` is committed. */
interface Waiting {
  device: string;
  boot: number;
  offset: number;
  next: number;
}

/**
 * While Kafka is away a device is told at least so often that its events are here and wait: it would ask by HELLO otherwise, after
 * its ackTimeoutMs, 5 s unless told, and send again what it holds.
 */
const patienceMs = 2_000;

/** `ack: kafka`. What waits is bounded by the devices' credit: nothing beyond it is taken. */
export class ByKafka implements Acknowledged {
  readonly #journal: Journal;
  readonly #clock: Clock;
  /** By lane, in the journal's order. */
  readonly #waiting = new Map<number, Waiting[]>();
  /** device → boot → everything below is committed. */
  readonly #committed = new Map<string, Map<number, number>>();
  readonly #listeners: ((moved: ReadonlyMap<string, ReadonlySet<number>>) => void)[] = [];
  #isTelling = false;

  constructor(journal: Journal, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
    // Of what a former process took and Kafka may not have, the end of each boot alone is known: until Kafka has that, nothing of it.
    for (const device of journal.devices()) {
      for (const boot of journal.places(device)?.keys() ?? []) this.#wait(device, boot);
    }
    for (const waiting of this.#waiting.values()) waiting.sort((a, b) => a.offset - b.offset);
    for (let lane = 0; lane < journal.lanes; lane++) this.#passed(lane, journal.waitsFrom(lane));
    journal.onSynced(({ touched }) => {
      for (const [device, boots] of touched) {
        this.#forget(device);
        for (const boot of boots) this.#wait(device, boot);
      }
    });
  }

  below(device: string, boot: number): number {
    return this.#committed.get(device)?.get(boot) ?? 0;
  }

  onMoved(listener: (moved: ReadonlyMap<string, ReadonlySet<number>>) => void): void {
    this.#listeners.push(listener);
  }

  /** Kafka has everything of the lane up to the record that the position names. */
  committed({ lane, end }: Position): void {
    this.#passed(lane, end);
  }

  #passed(lane: number, end: number): void {
    const waiting = this.#waiting.get(lane) ?? [];
    const first = waiting.findIndex(({ offset }) => offset >= end);
    const passed = waiting.splice(0, first < 0 ? waiting.length : first);
    for (const { device, boot, next } of passed) {
      const boots = this.#committed.get(device) ?? new Map<number, number>();
      boots.set(boot, Math.max(boots.get(boot) ?? 0, next));
      this.#committed.set(device, boots);
    }
    this.#tell(passed);
  }

  #wait(device: string, boot: number): void {
    const place = this.#journal.places(device)?.get(boot);
    const offset = this.#journal.newestOffset(device, boot);
    if (place === undefined || offset === null) return;
    const lane = laneOf(device, this.#journal.lanes);
    const waiting = this.#waiting.get(lane) ?? [];
    this.#waiting.set(lane, waiting);
    waiting.push({ device, boot, offset, next: place.durable });
    this.#tellAgain();
  }

  /** Boots that the journal has forgotten. */
  #forget(device: string): void {
    const places = this.#journal.places(device);
    const boots = this.#committed.get(device);
    for (const boot of boots?.keys() ?? []) if (!places?.has(boot)) boots?.delete(boot);
  }

  #tellAgain(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#clock.after(patienceMs, () => {
      this.#isTelling = false;
      const waiting = [...this.#waiting.values()].flat();
      this.#tell(waiting);
      if (waiting.length > 0) this.#tellAgain();
    });
  }

  #tell(places: readonly Waiting[]): void {
    if (places.length === 0) return;
    const moved = new Map<string, Set<number>>();
    for (const { device, boot } of places) {
      moved.set(device, (moved.get(device) ?? new Set()).add(boot));
    }
    for (const listener of this.#listeners) listener(moved);
  }
}

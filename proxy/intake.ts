import type { Acknowledged } from './acknowledged.js';
import type { DeviceKeys } from './auth/auth.js';
import { type Block, decodeBlock, type EventsBlock } from './block.js';
import type { Books } from './books.js';
import type { Clock } from './clock.js';
import type { Config } from './config.js';
import type { Journal, Place } from './journal/journal.js';
import type { BlockRecord, LossRecord, TableId } from './journal/record.js';
import type { Allow } from './limits/allow.js';
import type { Rate, RateLimits } from './limits/rate.js';
import type { Data } from './message.js';
import type { Outcomes } from './outcomes.js';
import type { Opening } from './places.js';
import type { StreamTable } from './table.js';
import { isSetBack, timeOf } from './time.js';

// session → journal: takes the blocks of one boot in the order of their seqs, each once (PROTOCOL.md §7).
// Every answer is made of what may be acknowledged; `received` lives in the journal's place alone.
// Invariant: acknowledged ≤ durable ≤ expected, and the limit never falls.

/** Of the configuration's: what sessions keep. */
export type SiteLimits = RateLimits &
  Pick<
    Config['limits'],
    | 'helloTimeoutMs'
    | 'windowEvents'
    | 'windowBytes'
    | 'tablesPerDeviceMax'
    | 'bootsPerDeviceMax'
    | 'bootsMax'
  >;

export interface Site {
  clock: Clock;
  journal: Journal;
  acknowledged: Acknowledged;
  books: Books;
  outcomes: Outcomes;
  /** Of the devices; for listeners that ask for them. */
  keys: DeviceKeys;
  limits: SiteLimits;
  /** Which streams a device may write. */
  allow: Allow | null;
  /** Devices that share what may wait for the disk; set by the sessions. */
  connected?: () => number;
}

export interface Arrival {
  arrivalMs: number;
  /** The boot of the block: it is the device's present one. */
  running: boolean;
  /** Null for a boot that was not heard while it ran. */
  offsetMs: number | null;
  uptimeStops: boolean;
}

export interface KnownTable {
  id: TableId;
  streams: StreamTable;
}

/** Of a block's record in the journal, roughly: header, device, numbers. */
const recordOverheadBytes = 100;
/** Of an event there, before one has come. */
const eventBytesAtFirst = 64;
/** Events of credit below which a device is held by its rate, and how soon it is told of more. */
const heldBelow = 8;
const heldLookMs = 100;

export class Intake {
  readonly boot: number;
  readonly #site: Site;
  readonly #device: string;
  /** HELLO's boots, until the first block has ended those that it no longer lists. */
  #listed: ReadonlySet<number> | null;
  readonly #lowest: number;
  /** Of its device; null: it may send as fast as it likes. */
  readonly #rate: Rate | null;
  /** Its first block is still to come, and will end the older boots. */
  #fresh: boolean;
  #loss: Opening['loss'];
  #limit: number;
  /** A frame beyond `expected` came, or one that could not be taken. */
  #gap = false;
  /** The value of next with which a gap was reported: once until there is progress. */
  #gapSaid = -1;
  #answerDue = false;
  #bytesPerEvent = 0;
  /** The same in the journal. */
  #journalBytesPerEvent = 0;
  /** Appended and not yet durable: a bound on what one device may have in memory. */
  readonly #unsynced: { end: number; bytes: number }[] = [];
  #unsyncedBytes = 0;

  constructor(
    site: Site,
    device: string,
    opening: Opening,
    listed: ReadonlySet<number>,
    limit: number,
    rate: Rate | null = null,
  ) {
    this.#rate = rate;
    this.#site = site;
    this.#device = device;
    this.boot = opening.boot;
    this.#listed = opening.fresh ? listed : null;
    this.#lowest = opening.lowest;
    this.#loss = opening.loss;
    this.#limit = limit;
    this.#fresh = opening.fresh;
    if (!this.#fresh) this.#sayLoss();
  }

  /** Everything below it may be forgotten by the device. */
  get acknowledged(): number {
    return Math.max(this.#site.acknowledged.below(this.#device, this.boot), this.#lowest);
  }

  get expected(): number {
    return Math.max(this.#place()?.received ?? 0, this.#lowest);
  }

  /** [W-33] Raises the limit where the journal can take more. */
  limit(): number {
    if (this.#site.journal.writable) {
      const allowed = this.acknowledged + this.#window();
      this.#limit = Math.max(this.#limit, Math.min(allowed, this.expected + this.#allowance()));
    }
    return Math.max(this.#limit, this.acknowledged);
  }

  /** `table` is null for a range of lost events that names none. Answers a stream that the device may not write, if it wrote to one. */
  data(message: Data, table: KnownTable | null, arrival: Arrival): string | null {
    const { first, count } = message;
    const expected = this.expected;
    const { outcomes, books } = this.#site;
    if (first + count <= expected) {
      outcomes.count('duplicate', { device: this.#device });
      books.resent(this.#device, count);
      // What may not be acknowledged yet is answered when it may.
      if (first + count <= this.acknowledged) this.#answerDue = true;
    } else if (first > expected) {
      this.#refuse('gap');
    } else if (first >= this.#limit) {
      this.#refuse('beyond-credit');
    } else if (this.#isUnsyncedFull() || this.#isCrowded()) {
      this.#refuse('not-taken');
    } else {
      if (first < expected) books.resent(this.#device, expected - first);
      return this.#take(message, table, arrival);
    }
    return null;
  }

  /** More may be acknowledged, or the journal takes records again. */
  settled(): void {
    if (!this.#fresh) this.#sayLoss();
    this.#answerDue = true;
  }

  /** The ACK that is due; asked once per turn, so that a burst is answered once. */
  answer(): { next: number; limit: number; gap: 0 | 1 } | null {
    const { acknowledged, expected } = this;
    const gap = this.#gap && this.#site.journal.writable && acknowledged === expected;
    if (!gap && !this.#answerDue) return null;
    this.#answerDue = false;
    if (gap) {
      this.#gap = false;
      this.#gapSaid = expected;
    }
    return { next: acknowledged, limit: this.limit(), gap: gap ? 1 : 0 };
  }

  #refuse(kind: 'gap' | 'beyond-credit' | 'not-taken'): void {
    this.#site.outcomes.count(kind, { device: this.#device });
    if (this.#gapSaid !== this.expected) this.#gap = true;
  }

  #take(message: Data, table: KnownTable | null, arrival: Arrival): string | null {
    const { journal, outcomes } = this.#site;
    const block = decodeBlock(message.block, table?.streams ?? null, message.count);
    const forbidden = this.#forbidden(block);
    if (forbidden !== null) return forbidden;
    const record = this.#record(message, block, table?.id ?? '', arrival);
    const prior = block.kind === 'events' ? block.prior : null;
    const taken =
      journal.writable && this.#endOlder(prior) && this.#sayLoss() && journal.append(record);
    if (!taken) {
      this.#refuse('not-taken');
      return null;
    }
    if (block.kind === 'undecodable') {
      const { boot } = this;
      const { first, count } = message;
      const detail = { device: this.#device, boot, first, count, why: block.why };
      outcomes.count('undecodable', detail);
    }
    this.#fresh = false;
    this.#listed = null;
    this.#gap = false;
    this.#gapSaid = -1;
    const bytes = message.block.length;
    // What is lost is one record, of however many events: a device that says what it lost in an hour is not to wait for an hour.
    const events = block.kind === 'events' ? message.count : 1;
    this.#rate?.take(events, bytes, this.#site.clock.monotonicMs());
    this.#unsynced.push({ end: message.first + message.count, bytes });
    this.#unsyncedBytes += bytes;
    this.#bytesPerEvent += (bytes / events - this.#bytesPerEvent) / 4;
    const journalPerEvent = (bytes + recordOverheadBytes) / events;
    this.#journalBytesPerEvent += (journalPerEvent - this.#journalBytesPerEvent) / 4;
    return null;
  }

  /** Of undeclared events; those of a table are looked at with it. */
  #forbidden(block: Block): string | null {
    const { allow } = this.#site;
    if (allow === null || block.kind !== 'events') return null;
    const undeclared = block.events.filter(({ fields }) => fields === null);
    return undeclared.find(({ stream }) => !allow(this.#device, stream))?.stream ?? null;
  }

  #record(message: Data, block: Block, table: TableId, arrival: Arrival): BlockRecord | LossRecord {
    const { boot } = this;
    const device = this.#device;
    const { first, count } = message;
    const { arrivalMs } = arrival;
    const from = this.expected;
    if (block.kind === 'events') {
      const { lastTimeMs: floorMs = 0, offsetMs: lastOffsetMs = null } = this.#place() ?? {};
      if (isSetBack({ arrivalMs, floorMs })) {
        this.#site.outcomes.count('clock-set-back', { device, boot, byMs: floorMs - arrivalMs });
      }
      const source = { ...arrival, anchor: block.anchor, lastOffsetMs, floorMs };
      const time = timeOf(block.events.slice(from - first), source);
      const { block: bytes } = message;
      return { kind: 'block', device, boot, first, count, from, table, arrivalMs, ...time, bytes };
    }
    const reason = block.kind === 'lost' ? block.reason : 'undecodable';
    return { kind: 'loss', device, boot, from, to: first + count, reason, arrivalMs };
  }

  /** [W-28] What lies before the device's lowest seq: said at HELLO, or before the first block. */
  #sayLoss(): boolean {
    if (this.#loss === null) return true;
    const { from, reason } = this.#loss;
    if (!this.#append(this.boot, from, this.#lowest, reason)) return false;
    this.#loss = null;
    return true;
  }

  /** [W-30] The first block of a boot ends the older ones that HELLO no longer lists. */
  #endOlder(prior: EventsBlock['prior']): boolean {
    const { journal } = this.#site;
    if (!this.#fresh) return true;
    for (const [boot, { received, ended }] of journal.places(this.#device) ?? []) {
      if (boot >= this.boot || this.#listed?.has(boot) === true) continue;
      const next = prior?.boot === boot ? prior.next : 0;
      if (!ended && !this.#end(boot, received, next)) return false;
      journal.forget(this.#device, [boot]);
    }
    return true;
  }

  /** `next`: what it had stored below, as far as is known. */
  #end(boot: number, received: number, next: number): boolean {
    const from = Math.max(next, received);
    if (from > received && !this.#append(boot, received, from, 'unknown')) return false;
    if (!this.#append(boot, from, null, 'tail-unknown')) return false;
    this.#site.outcomes.count('boot-ended', { device: this.#device, boot, from });
    return true;
  }

  #append(boot: number, from: number, to: number | null, reason: LossRecord['reason']): boolean {
    const { journal, clock } = this.#site;
    const device = this.#device;
    const arrivalMs = clock.nowMs();
    return journal.append({ kind: 'loss', device, boot, from, to, reason, arrivalMs });
  }

  #isUnsyncedFull(): boolean {
    const { durable = 0 } = this.#place() ?? {};
    while (this.#unsynced[0] !== undefined && this.#unsynced[0].end <= durable) {
      this.#unsyncedBytes -= this.#unsynced.shift()!.bytes;
    }
    return this.#unsyncedBytes > 4 * this.#site.limits.windowBytes;
  }

  /** The second half of what may wait for the disk is for those of whom nothing waits: a backlog leaves it to the others. */
  #isCrowded(): boolean {
    const { pendingBytes, pendingBytesMax } = this.#site.journal;
    return this.#unsyncedBytes > 0 && pendingBytes > pendingBytesMax / 2;
  }

  /** Events that may come now by the device's rate. */
  #allowance(): number {
    const { clock } = this.#site;
    return this.#rate?.left(this.#eventBytes, clock.monotonicMs()) ?? Number.POSITIVE_INFINITY;
  }

  get #eventBytes(): number {
    return this.#bytesPerEvent === 0 ? eventBytesAtFirst : this.#bytesPerEvent;
  }

  /** Where its rate leaves it hardly any credit: ms until it has some again. Null: it has. */
  get heldMs(): number | null {
    if (this.#rate === null || this.#limit - this.expected >= heldBelow) return null;
    const nowMs = this.#site.clock.monotonicMs();
    return Math.max(heldLookMs, this.#rate.waitMs(heldBelow, this.#eventBytes, nowMs));
  }

  /** No more than its share of what may wait for the disk: what came beyond it would be refused and come again. */
  #window(): number {
    const { limits, journal, connected = () => 1 } = this.#site;
    const { windowEvents, windowBytes } = limits;
    const shareBytes = journal.pendingBytesMax / 2 / Math.max(1, connected());
    const isUnknown = this.#bytesPerEvent === 0;
    const ofBytes = Math.min(
      isUnknown ? windowEvents : windowBytes / this.#bytesPerEvent,
      shareBytes / (isUnknown ? eventBytesAtFirst : this.#journalBytesPerEvent),
    );
    return Math.min(windowEvents, Math.max(1, Math.floor(ofBytes)));
  }

  #place(): Readonly<Place> | undefined {
    return this.#site.journal.places(this.#device)?.get(this.boot);
  }
}

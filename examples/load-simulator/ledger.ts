// What send() accepted against what the proof's reader found in Kafka, by (device, boot, seq), in the order of arrival and without
// sorting. What settles an event is its record, or a reported range of lost ones; each counts once, and what is amiss has a name.

import { createHistogram } from 'node:perf_hooks';
import { Page } from './page.js';
import type { Found, Loss } from './proof/messages.js';

export interface Totals {
  accepted: number;
  refused: number;
  acknowledged: number;
  inKafka: number;
  reportedLost: number;
}

/** Each of them is 0 in a sound run. */
export interface Amiss {
  twice: number;
  outOfOrder: number;
  /** In Kafka, and no device accepted it. */
  invented: number;
  /** In Kafka with another value than the device sent. */
  changed: number;
  /** A record of ours that can't be read for what it is. */
  unreadable: number;
  /** Loss that is reported and is none. */
  contradicted: number;
  /** Acknowledged, and reported lost all the same: the proxy had them. */
  acknowledgedLost: number;
  deadLetters: number;
}

export interface Pages {
  name: string;
  /** One for each boot; the last is the running one. */
  lives: Page[];
  boots: Map<number, Page>;
  /** The first boot number of this run: what is below is of runs before. */
  firstBoot: number;
  /** Of the record that came last. */
  lastLife: number;
}

export interface LedgerOptions {
  /** at-least-once: a repeat is no fault. */
  mayRepeat: boolean;
}

const remarksMax = 50;
/** What a device gives up itself is acknowledged as lost; every other range is the proxy's word on what it does not have. */
const ofDevice: readonly string[] = ['overflow', 'refused'];

export class Ledger {
  readonly totals: Totals = {
    ...{ accepted: 0, refused: 0, acknowledged: 0, inKafka: 0, reportedLost: 0 },
  };
  readonly amiss: Amiss = {
    ...{ twice: 0, outOfOrder: 0, invented: 0, changed: 0, unreadable: 0 },
    ...{ contradicted: 0, acknowledgedLost: 0, deadLetters: 0 },
  };
  /** Records of other devices in the same topics, and of runs before: not looked at. */
  others = 0;
  repeats = 0;
  /** What is amiss, an event a line; the first ones. */
  readonly remarks: string[] = [];
  /** µs, from send() to its ACK, and to when a read_committed consumer had it. */
  readonly ackTimes = createHistogram();
  readonly kafkaTimes = createHistogram();
  /** µs, between a record's timestamp and the time of its send(). */
  readonly clockErrors = createHistogram();
  readonly devices = new Map<string, Pages>();
  readonly #mayRepeat: boolean;
  /** Seqs that were given out and, where the power was cut, acknowledged. */
  #numbered = 0;
  /** Seqs below a device's acknowledgement that were reported lost. */
  #reported = 0;
  /** The reader names a device once, and then by number. */
  readonly #byReader: (Pages | null)[] = [];

  constructor({ mayRepeat }: LedgerOptions) {
    this.#mayRepeat = mayRepeat;
  }

  /** Accepted, neither acknowledged nor reported lost nor gone with the power. */
  get onDevices(): number {
    return this.#numbered - this.totals.acknowledged;
  }

  /** Acknowledged, and in Kafka neither as itself nor as lost. */
  get inProxy(): number {
    return Math.max(0, this.totals.acknowledged - this.totals.inKafka - this.#reported);
  }

  device(name: string): Pages {
    const pages: Pages = {
      ...{ name, lives: [], boots: new Map(), firstBoot: Number.POSITIVE_INFINITY, lastLife: 0 },
    };
    this.devices.set(name, pages);
    return pages;
  }

  begin(pages: Pages): Page {
    const page = new Page(pages.lives.length);
    pages.lives.push(page);
    return page;
  }

  /** The proxy named the boot; it may name it anew. */
  named(pages: Pages, page: Page, boot: number): void {
    pages.boots.set(boot, page);
    pages.firstBoot = Math.min(pages.firstBoot, boot);
  }

  sent(page: Page, isTaken: boolean, atMs: number, hash: number): void {
    page.sent(isTaken, atMs, hash);
    this.totals[isTaken ? 'accepted' : 'refused']++;
    this.#numbered++;
  }

  /** The device's RAM is gone. */
  cut(page: Page): void {
    page.isCut = page.next > page.acknowledged;
    this.#numbered -= page.next - page.acknowledged;
  }

  acknowledged(page: Page, below: number, atMs: number): void {
    for (let seq = page.acknowledged; seq < below; seq++) {
      const sentMs = page.timeOf(seq);
      if (sentMs !== null) this.ackTimes.record(micros(atMs - sentMs));
    }
    this.totals.acknowledged += Math.max(0, below - page.acknowledged);
    page.acknowledged = Math.max(page.acknowledged, below);
  }

  meet(names: readonly string[]): void {
    for (const name of names) this.#byReader.push(this.devices.get(name) ?? null);
  }

  /** `atMs` and the record's time: as performance.now() counts. */
  found(record: Found, atMs: number): void {
    const pages = this.#byReader[record.device];
    if (pages === null || pages === undefined || record.boot < pages.firstBoot) {
      this.others++;
      return;
    }
    const { boot, seq } = record;
    const page = pages.boots.get(boot);
    if (page === undefined || seq >= page.next) {
      this.#remark('invented', pages, boot, seq, 'is in Kafka, and no device sent it');
    } else if (page.arrived.has(seq)) {
      if (this.#mayRepeat) this.repeats++;
      else this.#remark('twice', pages, boot, seq, 'is in Kafka once more');
    } else this.#first(pages, page, record, atMs);
  }

  #first(pages: Pages, page: Page, { boot, seq, hash, timestampMs }: Found, atMs: number): void {
    const { name } = pages;
    const sentMs = page.timeOf(seq);
    const sentHash = page.hashOf(seq);
    if (page.refused.has(seq)) {
      this.#remark('invented', pages, boot, seq, 'was refused by send(), and is in Kafka');
    } else if (page.lost.has(seq)) {
      this.#remark('contradicted', pages, boot, seq, 'is in Kafka, and was reported lost');
    } else this.totals.inKafka++;
    page.arrived.add(seq);
    if (page.life < pages.lastLife || seq < page.last) {
      const behind = page.life < pages.lastLife ? 'a later boot' : `seq ${page.last}`;
      this.#remark('outOfOrder', pages, boot, seq, `is behind ${behind} of ${name}`);
    }
    pages.lastLife = Math.max(pages.lastLife, page.life);
    page.last = Math.max(page.last, seq);
    if (sentHash !== null && sentHash !== hash) {
      this.#remark('changed', pages, boot, seq, 'has another value than was sent');
    }
    if (sentMs !== null) {
      this.kafkaTimes.record(micros(atMs - sentMs));
      this.clockErrors.record(micros(Math.abs(timestampMs - sentMs)));
    }
    page.settle();
  }

  lost({ device, boot, from, to, reason }: Loss): void {
    const pages = this.devices.get(device);
    if (pages === undefined || boot < pages.firstBoot) {
      this.others++;
      return;
    }
    const page = pages.boots.get(boot);
    if (page === undefined || from > page.next || (to ?? 0) > page.next) {
      this.#remark('contradicted', pages, boot, from, `is reported lost (${reason}) and never was`);
      return;
    }
    if (to === null && !page.isCut && page === pages.lives.at(-1)) {
      this.#remark('contradicted', pages, boot, from, 'begins a tail-unknown, and the boot runs');
      return;
    }
    const end = to ?? page.next;
    const already = page.arrived.count(from, end);
    if (already > 0) {
      const what = `begins a range that is reported lost (${reason}), ${already} of which are in Kafka`;
      this.#remark('contradicted', pages, boot, from, what);
    }
    const refused = page.refused.count(from, end);
    if (!ofDevice.includes(reason)) this.#broken(pages, page, { boot, from, end, reason });
    const added = page.lost.add(from, end);
    this.totals.reportedLost += Math.max(0, added - refused - already);
    // The proxy acknowledges a lost range too, but what went with the power nobody acknowledged.
    if (to !== null) this.#reported += added;
    page.settle();
  }

  #broken(
    pages: Pages,
    page: Page,
    { boot, from, end, reason }: Pick<Loss, 'boot' | 'from' | 'reason'> & { end: number },
  ): void {
    const until = Math.min(end, page.acknowledged);
    if (until <= from) return;
    const there = page.arrived.count(from, until) + page.refused.count(from, until);
    const events = until - from - there;
    if (events === 0) return;
    this.amiss.acknowledgedLost += events;
    this.#say(
      `${pages.name} ${boot}/${from} begins a range that is reported lost (${reason}), ${events} of which were acknowledged`,
    );
  }

  unreadable(device: string, topic: string): void {
    if (!this.devices.has(device)) this.others++;
    else {
      this.amiss.unreadable++;
      this.#say(`${device}: a record in ${topic} without a header hw-id that can be read`);
    }
  }

  deadLetter(device: string, id: string, why: string): void {
    const pages = this.devices.get(device);
    if (pages === undefined || Number(id.split('/')[0]) < pages.firstBoot) return;
    this.amiss.deadLetters++;
    this.#say(`${device} ${id} is a dead letter: ${why}`);
  }

  #remark(kind: keyof Amiss, { name }: Pages, boot: number, seq: number, what: string): void {
    this.amiss[kind]++;
    this.#say(`${name} ${boot}/${seq} ${what}`);
  }

  #say(text: string): void {
    if (this.remarks.length < remarksMax) this.remarks.push(text);
  }
}

/** A histogram takes whole numbers from 1 on. */
function micros(ms: number): number {
  return Math.max(1, Math.round(ms * 1000));
}

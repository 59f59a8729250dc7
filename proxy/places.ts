import type { Journal, Place } from './journal/journal.js';
import type { LossReason } from './journal/record.js';
import type { Hello, HelloBoot } from './message.js';

// session: which number each boot of a HELLO has from now on, and what must be said to be lost before
// its first event is taken (PROTOCOL.md [W-3], [W-5], [W-28]).
// Guarantee: two lives of a device are never merged under one number, no two devices begin one under the same, and a
// HELLO that is said again gets the same numbers again.

const BOOT_MAX = 0xffffffff;
/** Hexadecimal ones of the journal's id: 24 bits, 194 days at most. */
const aheadDigits = 6;

/** What is remembered of a device between two HELLOs, while nothing of a new number has arrived. */
export interface Numbers {
  /** Given to a device that has no number of its own. */
  assigned: number | null;
  /** The number that a HELLO says → the one it was given instead. */
  renumbered: Map<number, { boot: number; fingerprint: number | null }>;
}

export interface Opening {
  boot: number;
  /** What HELLO called it, where it is renumbered now. */
  renumberedFrom: number | null;
  lowest: number;
  running: boolean;
  /** Seqs from here to `lowest` will never arrive. */
  loss: { from: number; reason: LossReason } | null;
  /** It has no place: nothing is journaled under its number before its first block. */
  fresh: boolean;
}

/** The numbers that are not free: of the device's places, of its HELLO, and of others. */
interface Taken {
  has(boot: number): boolean;
  /** Another device has it. */
  others(boot: number): boolean;
  /** Of the device's own. */
  highest(): number;
  owners: BootOwners;
}

const lookEveryMs = 10_000;

export interface BootsMax {
  ofDevice: number;
  ofAll: number;
}

/** The numbers of a device that is connected, whether anything of them has come or not. */
export type Connected = () => Iterable<readonly [device: string, boots: Iterable<number>]>;

/** Which device has a number: by its places, and by what it was given since. DATA names no device ([W-3]). */
export class BootOwners {
  readonly #journal: Journal;
  readonly #connected: Connected;
  #devices = new Map<number, string>();
  /** By device: what it was given since the places were read. */
  readonly #since = new Map<string, Set<number>>();
  #entriesMax = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Added to the clock's seconds: another for each journal. */
  readonly #aheadSeconds: number;
  /** Numbers in it, all of them, are some device's: where a site boots at once thousands ask for the first free one of the same second. */
  #given = { from: 0, to: 0 };

  constructor(journal: Journal, connected: Connected) {
    this.#journal = journal;
    this.#connected = connected;
    this.#aheadSeconds = Number.parseInt(journal.id.slice(0, aheadDigits), 16);
    this.#readPlaces();
  }

  /** Where the look for a free number begins, at the earliest. */
  earliest(nowMs: number): number {
    const seconds = Math.floor(nowMs / 1000) + this.#aheadSeconds;
    return Math.min(BOOT_MAX, Math.max(1, seconds));
  }

  isOfAnother(device: string, boot: number): boolean {
    const owner = this.#devices.get(boot);
    return owner !== undefined && owner !== device;
  }

  add(device: string, boot: number): void {
    // Boots end: what has no place and no session any more is dropped now and then.
    if (this.#devices.size > this.#entriesMax) this.#readPlaces();
    this.#note(device, boot);
  }

  #note(device: string, boot: number): void {
    if (this.#devices.has(boot)) return;
    this.#devices.set(boot, device);
    const since = this.#since.get(device) ?? new Set();
    this.#since.set(device, since.add(boot));
  }

  /**
   * Whether boots of a HELLO are too many, of its device or of all. Those that it said it had count as those that have a place, or a device could use up
   * what there is of all; what has neither a place nor a session is not counted from the next look on, every ten seconds at most.
   */
  areTooMany({ device, boots }: Hello, most: BootsMax, nowMs: number): boolean {
    const places = this.#journal.places(device);
    const isFresh = (boot: number | null) => boot === null || places?.has(boot) !== true;
    const fresh = boots.map(({ boot }) => boot).filter(isFresh);
    if (fresh.length === 0) return false;
    const isFull = () => {
      const since = [...(this.#since.get(device) ?? [])].filter(isFresh);
      const own = (places?.size ?? 0) + new Set([...since, ...fresh]).size;
      const more = fresh.filter((boot) => boot === null || this.#devices.get(boot) !== device);
      return own > most.ofDevice || this.#devices.size + more.length > most.ofAll;
    };
    if (!isFull()) return false;
    if (nowMs - this.#lookedMs < lookEveryMs) return true;
    this.#lookedMs = nowMs;
    this.#readPlaces();
    return isFull();
  }

  /** Where the look for a free number goes on. */
  behindGiven(boot: number): number {
    const { from, to } = this.#given;
    return boot >= from && boot < to ? to : boot;
  }

  /** All of [from, to) was looked at, and is not free. */
  markGiven(from: number, to: number): void {
    if (from >= this.#given.from && from <= this.#given.to) this.#given.to = to;
    else this.#given = { from, to };
  }

  #readPlaces(): void {
    this.#given = { from: 0, to: 0 };
    this.#devices.clear();
    this.#since.clear();
    for (const device of this.#journal.devices()) {
      for (const boot of this.#journal.places(device)?.keys() ?? []) {
        if (!this.#devices.has(boot)) this.#devices.set(boot, device);
      }
    }
    for (const [device, boots] of this.#connected()) {
      for (const boot of boots) this.#note(device, boot);
    }
    this.#entriesMax = 2 * this.#devices.size + 10_000;
  }
}

export function newNumbers(): Numbers {
  return { assigned: null, renumbered: new Map() };
}

export function openBoots(
  journal: Journal,
  hello: Hello,
  numbers: Numbers,
  owners: BootOwners,
  nowMs: number,
): Opening[] {
  const places = journal.places(hello.device) ?? new Map<number, Readonly<Place>>();
  const said = new Set(hello.boots.map(({ boot }) => boot ?? 0));
  const taken: Taken = {
    owners,
    has: (boot) => places.has(boot) || said.has(boot),
    others: (boot) => owners.isOfAnother(hello.device, boot),
    highest: () => {
      let highest = 0;
      for (const boot of places.keys()) highest = Math.max(highest, boot);
      for (const boot of said) highest = Math.max(highest, boot);
      return highest;
    },
  };
  return hello.boots.map((heard, index) => {
    const running = index === hello.boots.length - 1;
    const boot = numberOf(heard, running, places, numbers, taken, nowMs);
    said.add(boot);
    const place = places.get(boot);
    const received = place?.received ?? 0;
    const reason = place === undefined ? 'perhaps-delivered' : 'unknown';
    return {
      boot,
      renumberedFrom: heard.boot !== null && heard.boot !== boot ? heard.boot : null,
      lowest: heard.lowest,
      running,
      loss: heard.lowest > received ? { from: received, reason } : null,
      fresh: place === undefined,
    };
  });
}

function numberOf(
  said: HelloBoot,
  running: boolean,
  places: ReadonlyMap<number, Readonly<Place>>,
  numbers: Numbers,
  taken: Taken,
  nowMs: number,
): number {
  if (said.boot === null) {
    const again = numbers.assigned;
    if (again !== null && !taken.has(again) && !taken.others(again)) return again;
    numbers.assigned = freeNumber(taken, nowMs);
    return numbers.assigned;
  }
  for (const [from, { boot }] of numbers.renumbered) {
    if (boot === said.boot) numbers.renumbered.delete(from);
  }
  const place = places.get(said.boot);
  const isAnothers =
    place === undefined ? taken.others(said.boot) : isAnotherLife(said, running, place);
  if (!isAnothers) return said.boot;
  const given = numbers.renumbered.get(said.boot);
  const isGivenAgain = given !== undefined && given.fingerprint === said.fingerprint;
  if (isGivenAgain && !taken.has(given.boot) && !taken.others(given.boot)) return given.boot;
  const boot = freeNumber(taken, nowMs);
  numbers.renumbered.set(said.boot, { boot, fingerprint: said.fingerprint });
  return boot;
}

/** [W-5] */
function isAnotherLife(said: HelloBoot, running: boolean, place: Readonly<Place>): boolean {
  const { fingerprint } = said;
  // A sum that is 0 is said as none.
  const known = place.fingerprint || null;
  if (known !== null && fingerprint !== known && (running || fingerprint !== null)) return true;
  return running && place.received > said.next;
}

/** [W-3]; at the end of the numbers, the next one from the earliest on that is free. */
function freeNumber(taken: Taken, nowMs: number): number {
  const earliest = taken.owners.earliest(nowMs);
  const highest = taken.highest();
  let boot = highest < BOOT_MAX ? Math.max(highest + 1, earliest) : earliest;
  const from = boot;
  boot = taken.owners.behindGiven(boot);
  while (boot <= BOOT_MAX && taken.others(boot)) boot++;
  if (boot <= BOOT_MAX && boot > from) taken.owners.markGiven(from, boot);
  while (boot > BOOT_MAX || taken.has(boot) || taken.others(boot)) {
    boot = boot >= BOOT_MAX ? 1 : boot + 1;
  }
  return boot;
}

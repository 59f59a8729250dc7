import type { Clock } from '../clock.js';
import { Bucket } from './bucket.js';

// What one address may have of the proxy: of its connections, of those on which nobody is known yet, of what is read in a second. Shared by all
// listeners. One entry for each address that has a connection, or sent too much a short while ago; none for the others.

export interface AddressLimits {
  /** Connections of each listener. */
  connectionsMax: number;
  /** Of all, connections whose device is not known yet. */
  unprovenMax: number;
  /** Of both, what one address may have. */
  addressShare: number;
  /** Absent: as fast as it goes. */
  addressBytesPerSecond?: number | undefined;
  burstSeconds: number;
}

export type Refusal = 'connections-max' | 'address-connections-max' | 'unproven-max';

/** A connection that counts, or a line of a gateway. */
export interface Seat {
  /** Its device is known; from then on it is no stranger. Once or more. */
  prove(): void;
  /** A gateway's behind which nobody is known: it stays, until another needs its place. */
  mayEnd(end: () => void): void;
  /** One for a line behind it on which nobody is known, which counts among those as it does: proven, it proves this one too. Null: it is one too many. */
  line(): Seat | null;
  /** It is over. Once. */
  leave(): void;
}

interface Entry {
  address: string;
  connections: number;
  unproven: number;
  bytes: Bucket | null;
  /** A timer is to forget it. */
  isForgotten: boolean;
}

export class Addresses {
  readonly #limits: AddressLimits;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #strangers: Strangers;

  constructor(limits: AddressLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#strangers = new Strangers(limits);
  }

  /** A connection, of a listener that has `open` already: it counts from now on, as one on which nobody is known, or is refused. */
  connect(address: string, open: number): Seat | Refusal {
    const { connectionsMax, addressShare } = this.#limits;
    const entry = this.#entries.get(address) ?? this.#newEntry(address);
    if (open >= connectionsMax) return 'connections-max';
    if (entry.connections >= shareOf(connectionsMax, addressShare)) {
      return 'address-connections-max';
    }
    if (!this.#strangers.hasPlace(entry)) return 'unproven-max';
    this.#entries.set(address, entry);
    entry.connections += 1;
    return new Place(this.#strangers, entry, this, null);
  }

  /** Addresses of which something is known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes were read from it: for how many ms nothing more is to be. */
  read(address: string, bytes: number): number {
    const bucket = this.#entries.get(address)?.bytes ?? null;
    if (bucket === null) return 0;
    const nowMs = this.#clock.monotonicMs();
    bucket.take(bytes, nowMs);
    return bucket.waitMs(0, nowMs);
  }

  /** One of its connections is over. */
  left(entry: Entry): void {
    entry.connections -= 1;
    this.#forget(entry);
  }

  /** When it has made up for what it sent too much: connecting anew gives nobody a burst. */
  #forget(entry: Entry): void {
    if (entry.connections > 0 || entry.isForgotten) return;
    const waitMs = entry.bytes?.waitMs(Number.POSITIVE_INFINITY, this.#clock.monotonicMs()) ?? 0;
    entry.isForgotten = waitMs > 0;
    if (waitMs === 0) this.#entries.delete(entry.address);
    else {
      this.#clock.after(waitMs, () => {
        entry.isForgotten = false;
        this.#forget(entry);
      });
    }
  }

  #newEntry(address: string): Entry {
    const { addressBytesPerSecond: perSecond, burstSeconds } = this.#limits;
    const nowMs = this.#clock.monotonicMs();
    const bytes =
      perSecond === undefined ? null : new Bucket(perSecond, perSecond * burstSeconds, nowMs);
    return { address, connections: 0, unproven: 0, bytes, isForgotten: false };
  }
}

/** Those on whose connections and lines nobody is known yet. */
class Strangers {
  readonly #limits: AddressLimits;
  /** Those that may end, the longest first. */
  readonly #idle = new Map<Place, () => void>();
  #count = 0;

  constructor(limits: AddressLimits) {
    this.#limits = limits;
  }

  came(entry: Entry): void {
    entry.unproven += 1;
    this.#count += 1;
  }

  gone(place: Place): void {
    this.#idle.delete(place);
    place.entry.unproven -= 1;
    this.#count -= 1;
  }

  mayEnd(place: Place, end: () => void): void {
    this.#idle.set(place, end);
  }

  /** For one more; there may be one when another than `own` has ended for it. */
  hasPlace(entry: Entry, own: Place | null = null): boolean {
    const { unprovenMax, addressShare } = this.#limits;
    for (;;) {
      const isCrowded = entry.unproven >= shareOf(unprovenMax, addressShare);
      if (!isCrowded && this.#count < unprovenMax) return true;
      if (!this.#endIdlest(isCrowded ? entry : null, own)) return false;
    }
  }

  /** Ends the one that may end for longest, of one address or of any. */
  #endIdlest(entry: Entry | null, own: Place | null): boolean {
    for (const [place, end] of this.#idle) {
      if (place === own || (entry !== null && place.entry !== entry)) continue;
      place.prove();
      end();
      return true;
    }
    return false;
  }
}

/** A class, since there are thousands. */
class Place implements Seat {
  readonly entry: Entry;
  readonly #strangers: Strangers;
  /** Null: a line's. */
  readonly #addresses: Addresses | null;
  /** Null: a connection's. */
  readonly #gateway: Place | null;
  #isProven = false;

  constructor(
    strangers: Strangers,
    entry: Entry,
    addresses: Addresses | null,
    gateway: Place | null,
  ) {
    this.#strangers = strangers;
    this.entry = entry;
    this.#addresses = addresses;
    this.#gateway = gateway;
    strangers.came(entry);
  }

  prove(): void {
    this.#free();
    this.#gateway?.prove();
  }

  mayEnd(end: () => void): void {
    if (!this.#isProven) this.#strangers.mayEnd(this, end);
  }

  line(): Seat | null {
    const { entry } = this;
    const hasPlace = this.#strangers.hasPlace(entry, this);
    return hasPlace ? new Place(this.#strangers, entry, null, this) : null;
  }

  leave(): void {
    this.#free();
    this.#addresses?.left(this.entry);
  }

  #free(): void {
    if (this.#isProven) return;
    this.#isProven = true;
    this.#strangers.gone(this);
  }
}

const shareOf = (most: number, share: number) => Math.max(1, Math.floor(most * share));
